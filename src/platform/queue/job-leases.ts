import { sql } from 'kysely';
import type { Clock, Logger } from '../../base/index.ts';
import type { Storage } from '../storage/index.ts';
import type { QueueName } from './queue.ts';

/** One time that a job was taken. The same job may be held twice in a process: by a stale attempt and the next one. */
export interface HeldAttempt {
  readonly queue: QueueName;
  readonly jobId: string;
  readonly retryCount: number;
}

/**
 * Shows that this process works on the jobs it has taken, and gives back those that nobody shows so any more: their
 * process ended, be it right after it took them. With the embedded database, whose folder is locked, all that is
 * active at the start is of an ended process.
 */
export class JobLeases {
  readonly #deps: { readonly storage: Storage; readonly clock: Clock; readonly logger: Logger };
  readonly #leaseMs: number;
  readonly #onReleased: (queue: QueueName) => void;
  readonly #held = new Set<HeldAttempt>();
  #cancel: (() => void) | undefined;
  #beating: Promise<void> | undefined;
  /** After an outage the others get as long as we had to show that they live. */
  #releaseNotBefore = 0;

  constructor(
    deps: { storage: Storage; clock: Clock; logger: Logger },
    parts: { leaseMs: number; onReleased: (queue: QueueName) => void },
  ) {
    this.#deps = deps;
    this.#leaseMs = parts.leaseMs;
    this.#onReleased = parts.onReleased;
  }

  async start(): Promise<void> {
    const isAlone = this.#deps.storage.kind === 'pglite';
    await this.#release(isAlone ? 0 : this.#leaseMs);
    this.#cancel = this.#deps.clock.every(isAlone ? this.#leaseMs : this.#leaseMs / 3, () => {
      this.#beating ??= this.#beat().finally(() => {
        this.#beating = undefined;
      });
    });
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    await this.#beating;
  }

  hold(attempt: HeldAttempt): void {
    this.#held.add(attempt);
  }

  letGo(attempt: HeldAttempt): void {
    this.#held.delete(attempt);
  }

  /** Rows of id and retry count. A stale attempt shows nothing for whoever has taken the job since. */
  #attempts() {
    const held = [...this.#held];
    return sql`unnest(${held.map(({ jobId }) => jobId)}::uuid[], ${held.map(({ retryCount }) => retryCount)}::int[])`;
  }

  async #beat(): Promise<void> {
    const { storage, clock, logger } = this.#deps;
    try {
      if (this.#held.size > 0) {
        await sql`
          update pgboss.job set heartbeat_on = now()
          where (id, retry_count) in (select * from ${this.#attempts()})
            and name = any(${[...new Set([...this.#held].map(({ queue }) => queue))]}) and state = 'active'`.execute(
          storage.db,
        );
      }
      if (clock.now() >= this.#releaseNotBefore) await this.#release(this.#leaseMs);
    } catch (error) {
      this.#releaseNotBefore = clock.now() + this.#leaseMs;
      logger.debug({ error }, 'job heartbeat not written');
    }
  }

  async #release(olderThanMs: number): Promise<void> {
    const { storage, logger } = this.#deps;
    // Not `boss.fail`: that would keep the jobs back for a while. Their key stays held, so nothing overtakes them.
    const { rows } = await sql<{ name: QueueName }>`
      update pgboss.job set state = 'retry', start_after = now(), heartbeat_on = null
      where state = 'active' and policy = 'key_strict_fifo'
        and coalesce(heartbeat_on, started_on) <= now() - make_interval(secs => ${olderThanMs / 1000}::float8)
        and (id, retry_count) not in (select * from ${this.#attempts()})
      returning name`.execute(storage.db);
    if (rows.length === 0) return;
    logger.info({ released: rows.length }, 'jobs of an ended process go on');
    for (const name of new Set(rows.map((row) => row.name))) this.#onReleased(name);
  }
}
