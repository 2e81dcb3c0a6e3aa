import type { Timestamp } from './columns.ts';

/** An answer of the Responses API. `input` and `response` are JSON texts. */
export interface ModelResponsesTable {
  tenant: string;
  id: string;
  previous_id: string | null;
  session_id: string | null;
  input: string;
  response: string;
  created_at: Timestamp;
}
