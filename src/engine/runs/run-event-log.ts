import { sql } from 'kysely';
import { onAbort, type Clock, type Logger } from '../../base/index.ts';
import type { RunEventsTable, Storage } from '../../platform/storage/index.ts';
import type { RunEvent, StoredRunEvent } from '../../protocol/index.ts';
import { EventPoll } from './event-poll.ts';

/** Database channel on which a process tells the others that a run has news in the database. */
export const runsChannel = 'agent33_runs';
const flushIntervalMs = 200;
const longestBatch = 500;
const longestWatcherQueue = 1000;

type StoredEvents = readonly { readonly at: string; readonly event: RunEvent }[];

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
export interface RunWatcher {
  queue: StoredRunEvent[];
  /** Set when the queue overflowed or another process wrote: read on from the database. */
  behind: boolean;
  wake: () => void;
}

export interface RunEventLogDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRunEvent?: (event: StoredRunEvent) => void;
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
  readonly #watchers = new Map<string, Set<RunWatcher>>();
  readonly #newsListeners = new Set<(runId: string | undefined) => void>();
  readonly #poll: EventPoll;

  constructor(deps: RunEventLogDeps) {
    this.#deps = deps;
    this.#poll = new EventPoll(deps);
  }

  /** Another process has written events of this run, or of any run. */
  changed(runId?: string): void {
    this.#tellNews(runId);
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
    this.#tellNews(runId);
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

  /** Stores what was told so far, before an execution leaves memory: the next one counts on from what is stored. */
  async store(runId: string): Promise<void> {
    const live = this.#live.get(runId);
    if (live === undefined) return;
    live.cancelFlush?.();
    live.cancelFlush = undefined;
    await this.#flush(live);
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
    const watcher: RunWatcher = { queue: [], behind, wake: () => wake() };
    const leave = this.join(runId, watcher);
    const stopListening = onAbort(signal, () => watcher.wake());
    let cursor = after;
    try {
      while (!signal.aborted) {
        const batch = watcher.behind ? await this.#catchUp(runId, cursor, watcher) : watcher.queue.splice(0);
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
        const stopPolling = this.#live.has(runId)
          ? () => {}
          : this.#poll.follow(runId, cursor, () => {
              watcher.behind = true;
              watcher.wake();
            });
        await waiting;
        stopPolling();
      }
    } finally {
      stopListening();
      leave();
    }
  }

  /** Hands a run's events to a watcher until the function that it returns is called. */
  join(runId: string, watcher: RunWatcher): () => void {
    const watchers = this.#watchers.get(runId) ?? new Set();
    watchers.add(watcher);
    this.#watchers.set(runId, watchers);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(runId) === watchers) this.#watchers.delete(runId);
    };
  }

  /** Tells of every run that begins here or changes elsewhere; `undefined` may be any. Call the result to leave. */
  onNews(listener: (runId: string | undefined) => void): () => void {
    this.#newsListeners.add(listener);
    return () => void this.#newsListeners.delete(listener);
  }

  /** True when this process executes the run: its watchers miss nothing. */
  isLive(runId: string): boolean {
    return this.#live.has(runId);
  }

  /** Events of several runs after the cursor of each: in the order of their sequence within a run. */
  async readAfter(cursors: ReadonlyMap<string, number>): Promise<readonly StoredRunEvent[]> {
    // Copied before reading: an event is in memory until it is stored, so none falls between the two.
    const pending = [...cursors.keys()].flatMap((runId) => this.#live.get(runId)?.unflushed ?? []);
    const { rows } = await sql<Pick<RunEventsTable, 'run_id' | 'first_sequence'> & { events: StoredEvents }>`
      select e.run_id, e.first_sequence, e.events
      from unnest(${[...cursors.keys()]}::text[], ${[...cursors.values()]}::bigint[]) as c (run_id, cursor)
      join run_events e on e.run_id = c.run_id and e.last_sequence > c.cursor
      order by e.run_id, e.first_sequence`.execute(this.#deps.storage.db);
    const stored = rows.flatMap((row) =>
      row.events.map(({ at, event }, index) => ({
        runId: row.run_id,
        sequence: row.first_sequence + index,
        at,
        event,
      })),
    );
    return [...stored, ...pending];
  }

  #catchUp(runId: string, cursor: number, watcher: RunWatcher): Promise<readonly StoredRunEvent[]> {
    watcher.behind = false;
    return this.readAfter(new Map([[runId, cursor]]));
  }

  #tellNews(runId: string | undefined): void {
    for (const listener of this.#newsListeners) listener(runId);
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
    this.#deps.onRunEvent?.(stored);
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
