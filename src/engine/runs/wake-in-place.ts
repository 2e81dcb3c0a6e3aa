import { sql } from 'kysely';
import type { Clock, Logger } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { ActivityMonitor, PendingWait } from './activity-monitor.ts';

/** Notifications may get lost: what waits in memory is looked for at least this often. */
const backstopMs = 30_000;

interface AnsweredRow {
  root_run_id: string;
  run_id: string;
  step_key: string;
}

/**
 * Brings signals to the waits of runs that are in memory: one look into the database for each piece of news, however
 * many waits there are, and one at a time.
 */
export class InPlaceWaker {
  readonly #deps: { readonly storage: Storage; readonly clock: Clock; readonly logger: Logger };
  readonly #trees: ReadonlyMap<string, ActivityMonitor>;
  readonly #news = new Set<string>();
  #looking: Promise<void> | undefined;
  #cancelBackstop: (() => void) | undefined;

  /** `trees`: those in memory, by root run. */
  constructor(
    deps: { storage: Storage; clock: Clock; logger: Logger },
    trees: ReadonlyMap<string, ActivityMonitor>,
  ) {
    this.#deps = deps;
    this.#trees = trees;
  }

  start(): void {
    this.#cancelBackstop ??= this.#deps.clock.every(backstopMs, () => this.signalled(undefined));
  }

  async stop(): Promise<void> {
    this.#cancelBackstop?.();
    this.#cancelBackstop = undefined;
    await this.#looking;
  }

  /** Something has come for a root run, or may have come for any. */
  signalled(rootRunId: string | undefined): void {
    for (const id of rootRunId === undefined ? this.#trees.keys() : [rootRunId])
      if ((this.#trees.get(id)?.waits.length ?? 0) > 0) this.#news.add(id);
    if (this.#news.size === 0) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  async #look(): Promise<void> {
    while (this.#news.size > 0) {
      const roots = [...this.#news];
      this.#news.clear();
      try {
        const answered = await this.#answered(roots);
        for (const [root, waits] of answered) this.#trees.get(root)?.signalled(waits);
      } catch (error) {
        // The backstop looks again.
        this.#deps.logger.debug({ error }, 'signals not looked for');
      }
    }
  }

  /** Waits of these trees for which there is a signal that nobody has taken. */
  async #answered(roots: readonly string[]): Promise<ReadonlyMap<string, readonly PendingWait[]>> {
    const { rows } = await sql<AnsweredRow>`
      select w.root_run_id, w.run_id, w.step_key
      from run_waits w join run_signals s on s.run_id = w.run_id and s.name = w.signal_name
      where w.root_run_id = any(${[...roots]}) and s.consumed_by is null`.execute(this.#deps.storage.db);
    const waits = new Map<string, PendingWait[]>();
    for (const row of rows) {
      const found = waits.get(row.root_run_id) ?? [];
      found.push({ runId: row.run_id, key: row.step_key });
      waits.set(row.root_run_id, found);
    }
    return waits;
  }
}
