import type { ColumnType } from 'kysely';
import type { Timestamp } from './columns.ts';

/** Processes that execute runs; one whose heartbeat is too old is dead and its runs are taken over. */
export interface WorkersTable {
  id: string;
  host: string;
  pid: number;
  /** What it does: `runs`, `deliveries`, `automation`; none where it only accepts requests. */
  roles: ColumnType<readonly string[], string | undefined, string>;
  version: string | null;
  /** Runs side by side at most. */
  concurrency: number | null;
  started_at: Timestamp;
  heartbeat_at: Timestamp;
}
