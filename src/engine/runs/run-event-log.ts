import { sql } from 'kysely';
import type { Clock, Logger } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { RunEvent, StoredRunEvent } from '../../protocol/index.ts';

/** Database channel on which a process tells the others that a run has news in the database. */
export const runsChannel = 'agent33_runs';
const flushIntervalMs = 200;
const longestBatch = 500;
const longestWatcherQueue = 1000;
const pollIntervalMs = 2000;

interface LiveRun {
  readonly runId: string;
  readonly epoch: number;
  sequence: number;
  unflushed: StoredRunEvent[];
  cancelFlush: (() => void) | undefined;
  flushing: Promise<void>;
  ended: boolean;
}

/** One watcher of one run: events to hand over, and a way to wake it. */
interface Watcher {
  queue: StoredRunEvent[];
  /** Set when the queue overflowed or another process wrote: read on from the database. */
  behind: boolean;
  wake: () => void;
}

export interface RunEventLogDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Rows for the statement that stores a batch. */
export interface EventBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly json: string;
}

function toBatch(events: readonly StoredRunEvent[]): EventBatch {
  return {
    firstSequence: events[0]?.sequence ?? 0,
    lastSequence: events.at(-1)?.sequence ?? 0,
    json: JSON.stringify(events.map(({ at, event }) => ({ at, event }))),
  };
}

/**
 * What happened in runs, in order and without gaps. Watchers in this process see events as they happen; they are stored
 * in batches, at the latest with the run's end, and read from there by everybody else.
 */
export class RunEventLog {
  readonly #deps: RunEventLogDeps;
  readonly #live = new Map<string, LiveRun>();
  readonly #watchers = new Map<string, Set<Watcher>>();

  constructor(deps: RunEventLogDeps) {
    this.#deps = deps;
  }

  /** Another process has written events of this run, or of any run. */
  changed(runId?: string): void {
    for (const watched of runId === undefined ? this.#watchers.keys() : [runId]) {
      if (!this.#live.has(watched)) this.#wakeBehind(watched);
    }
  }

  /** Begins the log of one execution. A later execution goes on after the last stored event. */
  async open(runId: string, epoch: number): Promise<(event: RunEvent) => void> {
    const sequence = epoch > 1 ? await this.#lastStored(runId) : 0;
    const live: LiveRun = {
      runId,
      epoch,
      sequence,
      unflushed: [],
      cancelFlush: undefined,
      flushing: Promise.resolve(),
      ended: false,
    };
    this.#live.set(runId, live);
    return (event) => this.#append(live, event);
  }

  /**
   * Everything not stored yet with the run's last event behind it, for the transaction that ends the run. `announce`
   * tells the watchers of this process, after the commit.
   */
  async prepareEnd(runId: string, event: RunEvent): Promise<{ batch: EventBatch; announce: () => void }> {
    const live = this.#live.get(runId);
    live?.cancelFlush?.();
    await live?.flushing;
    const sequence = (live?.sequence ?? (await this.#lastStored(runId))) + 1;
    const stored = { runId, sequence, at: new Date(this.#deps.clock.now()).toISOString(), event };
    return {
      batch: toBatch([...(live?.unflushed ?? []), stored]),
      announce: () => {
        if (live !== undefined) live.ended = true;
        this.#announce(stored);
      },
    };
  }

  /** Ends the log of an execution. What was not stored is dropped: the next execution tells it again. */
  close(runId: string, epoch: number): void {
    const live = this.#live.get(runId);
    if (live === undefined || live.epoch !== epoch) return;
    live.cancelFlush?.();
    this.#live.delete(runId);
    if (!live.ended) this.#wakeBehind(runId);
  }

  /**
   * Events after a cursor; the caller checks the right to see them. Ends after `run-end` or when the signal aborts.
   * `isFresh`: nothing can be stored yet unless this process executes the run already.
   */
  async *watch(
    runId: string,
    options: { after: number; signal: AbortSignal; isFresh: boolean },
  ): AsyncGenerator<StoredRunEvent> {
    const { after, signal, isFresh } = options;
    let wake: () => void = () => {};
    const behind = !isFresh || this.#live.has(runId);
    const watcher: Watcher = { queue: [], behind, wake: () => wake() };
    const watchers = this.#watchers.get(runId) ?? new Set();
    watchers.add(watcher);
    this.#watchers.set(runId, watchers);
    const onAbort = (): void => watcher.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    let cursor = after;
    try {
      while (!signal.aborted) {
        const batch = watcher.behind
          ? await this.#readAfter(runId, cursor, watcher)
          : watcher.queue.splice(0);
        for (const stored of batch) {
          if (stored.sequence <= cursor) continue;
          cursor = stored.sequence;
          yield stored;
          if (stored.event.type === 'run-end') return;
        }
        if (watcher.queue.length > 0 || watcher.behind) continue;
        const waiting = new Promise<void>((resolve) => {
          wake = resolve;
        });
        // Another process may run it, and a notification may get lost: look again now and then.
        const cancelPoll = this.#live.has(runId)
          ? () => {}
          : this.#deps.clock.after(pollIntervalMs, () => {
              watcher.behind = true;
              watcher.wake();
            });
        await waiting;
        cancelPoll();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      watchers.delete(watcher);
      if (watchers.size === 0) this.#watchers.delete(runId);
    }
  }

  async #readAfter(runId: string, cursor: number, watcher: Watcher): Promise<readonly StoredRunEvent[]> {
    watcher.behind = false;
    // Copied before reading: an event is in memory until it is stored, so none falls between the two.
    const pending = [...(this.#live.get(runId)?.unflushed ?? [])];
    const rows = await this.#deps.storage.db
      .selectFrom('run_events')
      .select(['first_sequence', 'events'])
      .where('run_id', '=', runId)
      .where('last_sequence', '>', cursor)
      .orderBy('first_sequence')
      .execute();
    const stored = rows.flatMap((row) =>
      row.events.map(({ at, event }, index) => ({ runId, sequence: row.first_sequence + index, at, event })),
    );
    return [...stored, ...pending];
  }

  async #lastStored(runId: string): Promise<number> {
    const row = await this.#deps.storage.db
      .selectFrom('run_events')
      .select((expression) => expression.fn.max('last_sequence').as('last'))
      .where('run_id', '=', runId)
      .executeTakeFirst();
    return row?.last ?? 0;
  }

  #announce(stored: StoredRunEvent): void {
    for (const watcher of this.#watchers.get(stored.runId) ?? []) {
      if (watcher.queue.length >= longestWatcherQueue) {
        watcher.queue = [];
        watcher.behind = true;
      }
      watcher.queue.push(stored);
      watcher.wake();
    }
  }

  #append(live: LiveRun, event: RunEvent): void {
    live.sequence += 1;
    const stored: StoredRunEvent = {
      runId: live.runId,
      sequence: live.sequence,
      at: new Date(this.#deps.clock.now()).toISOString(),
      event,
    };
    live.unflushed.push(stored);
    this.#announce(stored);
    if (live.unflushed.length >= longestBatch) void this.#flush(live);
    else {
      live.cancelFlush ??= this.#deps.clock.after(flushIntervalMs, () => {
        live.cancelFlush = undefined;
        void this.#flush(live);
      });
    }
  }

  #flush(live: LiveRun): Promise<void> {
    live.flushing = live.flushing.then(async () => {
      const count = live.unflushed.length;
      if (count === 0) return;
      const rows = toBatch(live.unflushed);
      try {
        await sql`
          with held as (select 1 from runs where id = ${live.runId} and epoch = ${live.epoch} for share)
          insert into run_events (run_id, first_sequence, last_sequence, events)
          select ${live.runId}, ${rows.firstSequence}::int, ${rows.lastSequence}::int, ${rows.json}::jsonb from held
          on conflict do nothing`.execute(this.#deps.storage.db);
        live.unflushed = live.unflushed.slice(count);
        await this.#notifyOthers(live.runId);
      } catch (error) {
        // They stay in memory and go with the next batch or with the run's end.
        this.#deps.logger.debug({ error, runId: live.runId }, 'run events not stored yet');
      }
    });
    return live.flushing;
  }

  /** Tells watchers in other processes to look; an embedded database has none. */
  async #notifyOthers(runId: string): Promise<void> {
    if (this.#deps.storage.kind === 'postgres')
      await this.#deps.storage.notify(this.#deps.storage.db, runsChannel, runId);
  }

  #wakeBehind(runId: string): void {
    for (const watcher of this.#watchers.get(runId) ?? []) {
      watcher.behind = true;
      watcher.wake();
    }
  }
}
