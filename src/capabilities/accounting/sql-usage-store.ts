import { sql } from 'kysely';
import { withDeadline, type Clock, type HealthReport, type Logger, type Service } from '../../base/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import { sqlState, type Storage } from '../../platform/storage/index.ts';
import { toColumns, usageColumns } from './usage-columns.ts';
import type { UsageRow, UsageSink } from './usage-row.ts';

/** How long a row waits for others at most: what `kill -9` loses. */
const batchMs = 500;
const batchRows = 500;
/** About 25 MB: more than an hour of ten calls a second. */
const mostRows = 50_000;
const shortestRetryMs = 500;
const longestRetryMs = 10_000;
const stopMs = 5_000;
/** How long a reader waits for rows that are still in memory. */
const flushMs = 1_000;
const sweepEveryMs = 600_000;
const sweepRows = 10_000;

const names = sql.raw(Object.keys(usageColumns).join(', '));
const typed = sql.raw(
  Object.entries(usageColumns)
    .map(([name, type]) => `${name} ${type}`)
    .join(', '),
);

export interface UsageStoreDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'usageRows' | 'usageRowsWaiting'>;
  /** How long rows are kept. */
  readonly retentionMs: () => number;
}

/**
 * Usage rows on their way into the database: they wait in memory for at most half a second and are written up to 500 at a
 * time. While the database is away they wait on, 50,000 at most; then new ones are dropped, counted and told to the log.
 * A row is written once, however often it is tried.
 */
export class SqlUsageStore implements UsageSink, Service {
  readonly name = 'usage';
  readonly #deps: UsageStoreDeps;
  readonly #waiting: UsageRow[] = [];
  readonly #stopping = new AbortController();
  readonly #givenUp = new AbortController();
  #writing: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #cancelSweep: (() => void) | undefined;
  #failures = 0;
  #dropped = 0;

  constructor(deps: UsageStoreDeps) {
    this.#deps = deps;
  }

  start(): Promise<void> {
    this.#cancelSweep ??= this.#deps.clock.every(sweepEveryMs, () => {
      this.sweep().catch((error: unknown) =>
        this.#deps.logger.warn({ error }, 'old usage rows could not be deleted'),
      );
    });
    return Promise.resolve();
  }

  /** Writes what is there, within five seconds; what could not be written is told to the log. */
  async stop(): Promise<void> {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    this.#stopping.abort();
    await this.flush(stopMs);
    this.#givenUp.abort();
    if (this.#waiting.length === 0) return;
    this.#deps.logger.error(
      { rows: this.#waiting.length },
      'usage rows were lost: the database did not take them',
    );
    this.#count('dropped', this.#waiting.splice(0).length);
  }

  record(row: UsageRow): void {
    if (this.#waiting.length >= mostRows) {
      if (this.#dropped === 0)
        this.#deps.logger.error(
          { waiting: mostRows },
          'usage rows are dropped: the database does not take them',
        );
      this.#dropped += 1;
      this.#count('dropped', 1);
      return;
    }
    this.#waiting.push(row);
    if (this.#writing !== undefined) return;
    if (this.#waiting.length >= batchRows) void this.#write();
    else this.#cancelTimer ??= this.#deps.clock.after(batchMs, () => void this.#write());
  }

  /** Waits until what is in memory now is written, but not for ever: a reader rather sees a little less. */
  async flush(withinMs: number = flushMs): Promise<void> {
    const { signal, clear } = withDeadline(this.#deps.clock, withinMs);
    const late = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const written = async (): Promise<void> => {
      // A batch may be under way that was begun before the newest row came.
      await this.#writing;
      if (this.#waiting.length > 0) await this.#write();
    };
    await Promise.race([written(), late]);
    clear();
  }

  /** Deletes rows that are older than the retention. */
  async sweep(): Promise<void> {
    const before = new Date(this.#deps.clock.now() - this.#deps.retentionMs());
    for (;;) {
      const { numAffectedRows } = await sql`
        delete from model_usage where (tenant, at, id) in (
          select tenant, at, id from model_usage where at < ${before} limit ${sweepRows} for update skip locked
        )`.execute(this.#deps.storage.db);
      if (Number(numAffectedRows ?? 0) < sweepRows || this.#stopping.signal.aborted) return;
    }
  }

  health(): HealthReport {
    const metrics = { waiting: this.#waiting.length, dropped: this.#dropped };
    if (this.#failures === 0) return { status: 'ok', metrics };
    return { status: 'degraded', detail: 'usage rows wait for the database', metrics };
  }

  /** One writer at a time; it writes what waits when it begins, and full batches that come meanwhile. */
  #write(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#writing ??= this.#writeWaiting().finally(() => {
      this.#writing = undefined;
      this.#deps.metrics.usageRowsWaiting.set(this.#waiting.length);
      if (this.#waiting.length > 0 && !this.#stopping.signal.aborted)
        this.#cancelTimer ??= this.#deps.clock.after(batchMs, () => void this.#write());
    });
    return this.#writing;
  }

  async #writeWaiting(): Promise<void> {
    let due = this.#waiting.length;
    while (due > 0 || this.#waiting.length >= batchRows) {
      const batch = this.#waiting.slice(0, batchRows);
      if (!(await this.#writeBatch(batch))) return;
      this.#waiting.splice(0, batch.length);
      due -= batch.length;
      this.#failures = 0;
      if (this.#dropped > 0) this.#deps.logger.warn({ rows: this.#dropped }, 'usage rows were dropped');
      this.#dropped = 0;
    }
  }

  /** True once the batch is dealt with; false where the process stops before that. */
  async #writeBatch(batch: readonly UsageRow[]): Promise<boolean> {
    for (;;) {
      try {
        await this.#insert(batch);
        return true;
      } catch (error) {
        if (/^2[23]/.test(sqlState(error) ?? '')) return this.#writeOneByOne(batch, error);
        if (this.#failures === 0)
          this.#deps.logger.warn({ error }, 'usage rows wait: the database does not take them');
        this.#failures += 1;
        this.#deps.metrics.usageRowsWaiting.set(this.#waiting.length);
        if (!(await this.#pause())) return false;
      }
    }
  }

  /** A row that the database will never take must not hold up the others. */
  async #writeOneByOne(batch: readonly UsageRow[], error: unknown): Promise<boolean> {
    const [row] = batch;
    if (batch.length === 1) {
      this.#deps.logger.error({ error, row: row?.id }, 'a usage row cannot be stored');
      this.#count('dropped', 1);
      return true;
    }
    for (const one of batch) if (!(await this.#writeBatch([one]))) return false;
    return true;
  }

  /** Waits before the next try, longer each time; not long once the process is stopping. */
  async #pause(): Promise<boolean> {
    const { clock } = this.#deps;
    const wait = Math.min(longestRetryMs, shortestRetryMs * 2 ** (this.#failures - 1));
    try {
      if (this.#stopping.signal.aborted) await clock.sleep(shortestRetryMs, { signal: this.#givenUp.signal });
      else await clock.sleep(wait, { signal: this.#stopping.signal });
    } catch {
      // Woken because the process is stopping: one more try, unless its time is over.
    }
    return !this.#givenUp.signal.aborted;
  }

  async #insert(batch: readonly UsageRow[]): Promise<void> {
    const rows = JSON.stringify(batch.map(toColumns));
    // The key of a row is its tenant, time and id, which stay the same however often it is tried.
    await sql`
      insert into model_usage (${names})
      select ${names} from jsonb_to_recordset(${rows}::jsonb) as r (${typed})
      on conflict do nothing`.execute(this.#deps.storage.db);
    this.#count('written', batch.length);
  }

  #count(outcome: 'written' | 'dropped', rows: number): void {
    this.#deps.metrics.usageRows.inc({ outcome }, rows);
  }
}
