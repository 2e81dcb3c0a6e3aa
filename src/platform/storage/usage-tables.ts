import type { ColumnType } from 'kysely';
import type { JsonColumn, NullableJsonColumn, Timestamp } from './columns.ts';

/** One call of a model: an attempt at a deployment, or an answer of our own cache. */
export interface ModelUsageTable {
  tenant: string;
  at: Timestamp;
  id: string;
  principal: string;
  user_name: string | null;
  team: string | null;
  agent: string | null;
  run_id: string | null;
  request_id: string;
  tags: JsonColumn<readonly string[]>;
  model_group: string;
  deployment: string;
  provider: string;
  model: string;
  operation: string;
  stream: boolean;
  status: string;
  input_tokens: number;
  output_tokens: number;
  cached_input_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
  /** `null`: the price is unknown. */
  cost_usd: number | null;
  estimated: boolean;
  duration_ms: number;
  first_token_ms: number | null;
  attempts: number;
  cache: string | null;
}

/** Limits that were set through the API. Rows stay when they are removed, so that all processes learn of it. */
export interface ModelLimitsTable {
  tenant: string;
  subject: string;
  /** `null`: removed. */
  limits: NullableJsonColumn<object>;
  /** Order in which changes were committed, over all tenants. */
  revision: ColumnType<number, number, number>;
  updated_by: string;
  updated_at: Timestamp;
}

/** One row: the newest revision of `model_limits`. */
export interface ModelLimitsRevisionTable {
  id: number;
  revision: number;
}
