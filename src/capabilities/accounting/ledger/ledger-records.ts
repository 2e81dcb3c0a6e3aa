import { sql } from 'kysely';
import type { Clock, Logger } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import { periodOf, periodStart } from './budget-period.ts';
import { MemorySubject } from './memory-subject.ts';
import { purgeLedger } from './purge-ledger.ts';

interface LedgerRecordsDeps {
  readonly storage: Pick<Storage, 'db'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly windowMs: number;
}

const delayMs = 500;
const mostRows = 500;
const longestPauseMs = 5000;
const drainTries = 5;
const purgeMs = 3_600_000;

/** Writes what one process counts into the tables, half a second behind; only the newest state of a subject matters. */
export class LedgerRecords {
  readonly #deps: LedgerRecordsDeps;
  readonly #changed = new Set<MemorySubject>();
  #cancelTimer: (() => void) | undefined;
  #cancelPurge = (): void => {};
  #writing: Promise<void> | undefined;
  #pauseMs = 0;

  constructor(deps: LedgerRecordsDeps) {
    this.#deps = deps;
  }

  /** Everything that still counts. */
  async load(): Promise<readonly MemorySubject[]> {
    const { clock, logger, storage, windowMs } = this.#deps;
    await purgeLedger(storage);
    this.#cancelPurge();
    this.#cancelPurge = clock.every(purgeMs, () => {
      purgeLedger(storage).catch((error: unknown) =>
        logger.warn({ error }, 'the ledger could not be tidied'),
      );
    });
    const nowMs = clock.now();
    const subjects = new Map<string, MemorySubject>();
    const subjectOf = (key: string, touchedAt: Date): MemorySubject => {
      const subject = subjects.get(key) ?? new MemorySubject(key, windowMs, touchedAt.getTime());
      subjects.set(key, subject);
      return subject;
    };
    const rows = await storage.db
      .selectFrom('ledger_subjects')
      .select(['key', 'bucket', 'requests', 'tokens', 'touched_at'])
      .where('touched_at', '>', new Date(nowMs - 2 * windowMs))
      .execute();
    for (const row of rows) {
      const subject = subjectOf(row.key, row.touched_at);
      subject.requests.restore(row.bucket, row.requests);
      subject.tokens.restore(row.bucket, row.tokens);
    }
    const budgets = await storage.db.selectFrom('ledger_budgets').selectAll().execute();
    for (const { key, period, started_at: startedAt, spent, touched_at: touchedAt } of budgets) {
      if (startedAt < periodStart(periodOf(period), nowMs)) continue;
      subjectOf(key, touchedAt).budgets.push({ period, startedAt, spent, reserved: 0 });
    }
    return [...subjects.values()];
  }

  /** The subject will be written soon. */
  changed(subject: MemorySubject): void {
    this.#changed.add(subject);
    if (this.#cancelTimer !== undefined || this.#writing !== undefined) return;
    if (this.#changed.size >= mostRows && this.#pauseMs === 0) void this.flush();
    else this.#schedule();
  }

  /** Resolves when what has changed is written, or could not be; never rejects. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#changed.size > 0) this.#schedule();
    });
    await this.#writing;
  }

  async stop(): Promise<void> {
    const { clock, logger } = this.#deps;
    this.#cancelPurge();
    for (let tries = 0; tries < drainTries; tries += 1) {
      await this.flush();
      if (this.#changed.size === 0) break;
      await clock.sleep(this.#pauseMs);
    }
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#changed.size > 0) {
      logger.error({ subjects: this.#changed.size }, 'the ledger stopped before all was written');
    }
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#deps.clock.after(delayMs + this.#pauseMs, () => {
      this.#cancelTimer = undefined;
      void this.flush();
    });
  }

  async #write(): Promise<void> {
    while (this.#changed.size > 0) {
      const batch = [...this.#changed].slice(0, mostRows);
      for (const subject of batch) this.#changed.delete(subject);
      try {
        await this.#writeBatch(batch);
        this.#pauseMs = 0;
      } catch (error) {
        for (const subject of batch) this.#changed.add(subject);
        this.#pauseMs = Math.min(longestPauseMs, Math.max(100, this.#pauseMs * 2));
        this.#deps.logger.warn(
          { error, subjects: this.#changed.size },
          'what is spent could not be stored yet',
        );
        return;
      }
    }
  }

  async #writeBatch(batch: readonly MemorySubject[]): Promise<void> {
    const nowMs = this.#deps.clock.now();
    const subjects = batch.map((subject) => {
      const { bucket, ring: requests } = subject.requests.stored(nowMs);
      const { ring: tokens } = subject.tokens.stored(nowMs);
      return {
        key: subject.key,
        bucket,
        requests: `{${requests.join(',')}}`,
        tokens: `{${tokens.join(',')}}`,
      };
    });
    const budgets = batch.flatMap(({ key, budgets: own }) =>
      own.map(({ period, startedAt, spent }) => ({ key, period, started_at: startedAt, spent })),
    );
    const at = new Date(nowMs);
    await sql`
      with kept as (
        insert into ledger_budgets as b (key, period, started_at, spent, reserved, touched_at)
        select g.key, g.period, g.started_at, g.spent, 0, ${at}::timestamptz
        from json_to_recordset(${JSON.stringify(budgets)}::json) as g(key text, period text, started_at bigint, spent bigint)
        on conflict (key, period) do update
          set started_at = excluded.started_at, spent = excluded.spent, reserved = 0, touched_at = excluded.touched_at
      )
      insert into ledger_subjects as s (key, bucket, requests, tokens, touched_at)
      select g.key, g.bucket, g.requests::bigint[], g.tokens::bigint[], ${at}::timestamptz
      from json_to_recordset(${JSON.stringify(subjects)}::json) as g(key text, bucket bigint, requests text, tokens text)
      on conflict (key) do update set parallel = 0, bucket = excluded.bucket, requests = excluded.requests,
        tokens = excluded.tokens, touched_at = excluded.touched_at`.execute(this.#deps.storage.db);
  }
}
