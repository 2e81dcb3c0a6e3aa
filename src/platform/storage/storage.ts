import type { Kysely, Transaction } from 'kysely';
import type { Db } from 'pg-boss';
import type { HealthReport, Service } from '../../base/index.ts';
import type { Database } from './schema.ts';

/** A reader or writer: the pool itself or an open transaction. */
export type Executor = Kysely<Database> | Transaction<Database>;

/** One named channel of database notifications; a hint for latency, never the only way to learn something. */
export interface Subscription {
  close(): Promise<void>;
}

/**
 * The database. Same SQL on the embedded and the server adapter.
 *
 * Errors: `storage_unavailable` when it cannot be reached, `storage_full` when the free-space guard refuses a write,
 * `folder_locked` at `start` when another process has the embedded folder open; anything else is a fault of ours.
 */
export interface Storage extends Service {
  readonly kind: 'pglite' | 'postgres';
  /** Usable between `start` and `stop`. Never used inside an open transaction: that waits for ever on one connection. */
  readonly db: Kysely<Database>;
  /** What pg-boss stands on: its own pool on a server, the worker's connection when embedded. */
  readonly bossDatabase: Db;
  /**
   * Runs `work` in one transaction, rolled back when it throws. No outside I/O inside. Fails with `storage_unavailable`
   * when it does not end within `timeoutMs` (default 30,000).
   */
  transaction<T>(
    work: (trx: Transaction<Database>) => Promise<T>,
    options?: { timeoutMs?: number },
  ): Promise<T>;
  /** Listens on a database notification channel (`[a-z0-9_]+`). `onReconnect` runs after each renewed connection: look for what was missed. */
  listen(
    channel: string,
    onNotification: (payload: string) => void,
    onReconnect: () => void,
  ): Promise<Subscription>;
  /** Sends a notification with a payload below 8,000 bytes; inside `executor`'s transaction it is sent at commit. */
  notify(executor: Executor, channel: string, payload: string): Promise<void>;
  health(signal: AbortSignal): Promise<HealthReport>;
}
