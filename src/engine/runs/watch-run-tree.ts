import { sql } from 'kysely';
import type { Clock } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { isFinal, type RunStatus, type StoredRunEvent } from '../../protocol/index.ts';
import type { RunEventLog, RunWatcher } from './run-event-log.ts';

const pollIntervalMs = 2000;
const shortestRefreshMs = 100;
/** Runs that are read from the database at once: keeps what is in memory small. */
const mostRunsPerReading = 200;

interface Member {
  readonly id: string;
  /** Place in the tree: parents come before their children. */
  readonly place: number;
  readonly watcher: RunWatcher;
  readonly leave: () => void;
  cursor: number;
  isFinal: boolean;
}

/** Events of several runs as one list: by time, and within a run by sequence whatever its clock did. */
function inOrderOfTime(
  events: readonly StoredRunEvent[],
  placeOf: (runId: string) => number,
): readonly StoredRunEvent[] {
  const latest = new Map<string, string>();
  return events
    .map((stored) => {
      const before = latest.get(stored.runId) ?? '';
      const time = stored.at > before ? stored.at : before;
      latest.set(stored.runId, time);
      return { stored, time, place: placeOf(stored.runId) };
    })
    .toSorted((one, two) => (one.time === two.time ? one.place - two.place : one.time < two.time ? -1 : 1))
    .map(({ stored }) => stored);
}

/** Follows a run and all its descendants, those that begin meanwhile too. */
class RunTreeWatch {
  readonly #deps: { readonly storage: Storage; readonly clock: Clock; readonly events: RunEventLog };
  readonly #rootId: string;
  readonly #after: ReadonlyMap<string, number>;
  readonly #members = new Map<string, Member>();
  #wake: () => void = () => {};
  #stale = true;
  #refreshNotBefore = 0;

  constructor(
    deps: { storage: Storage; clock: Clock; events: RunEventLog },
    rootId: string,
    after: ReadonlyMap<string, number>,
  ) {
    this.#deps = deps;
    this.#rootId = rootId;
    this.#after = after;
  }

  async *events(signal: AbortSignal): AsyncGenerator<StoredRunEvent> {
    const { clock, events } = this.#deps;
    const stopListening = events.onNews((runId) => {
      if (runId !== undefined && this.#members.has(runId)) return;
      this.#stale = true;
      this.#wake();
    });
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        if (this.#stale && clock.now() >= this.#refreshNotBefore) await this.#refresh();
        let end: StoredRunEvent | undefined;
        for (const stored of await this.#take()) {
          if (stored.runId === this.#rootId && stored.event.type === 'run-end') end = stored;
          else yield stored;
        }
        const root = this.#members.get(this.#rootId);
        if (end !== undefined || root === undefined || (root.isFinal && !this.#hasNews)) {
          yield* this.#rest();
          if (end !== undefined) yield end;
          return;
        }
        if (!this.#hasNews && !signal.aborted) await this.#news();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      stopListening();
      for (const member of this.#members.values()) member.leave();
    }
  }

  get #hasNews(): boolean {
    return [...this.#members.values()].some(({ watcher }) => watcher.behind || watcher.queue.length > 0);
  }

  /** What the descendants told before the root ended. */
  async *#rest(): AsyncGenerator<StoredRunEvent> {
    await this.#refresh();
    for (const member of this.#members.values()) member.watcher.behind = true;
    while (this.#hasNews) yield* await this.#take();
  }

  /** Looks which runs belong to the tree now. */
  async #refresh(): Promise<void> {
    const { storage, clock, events } = this.#deps;
    const began = clock.now();
    this.#stale = false;
    const { rows } = await sql<{ id: string; status: RunStatus }>`
      with recursive tree as (
        select id, status, created_at, 0 as level from runs where id = ${this.#rootId}
        union all
        select r.id, r.status, r.created_at, t.level + 1 from runs r join tree t on r.parent_run_id = t.id
      )
      select id, status from tree order by level, created_at, id`.execute(storage.db);
    for (const { id, status } of rows) {
      const known = this.#members.get(id);
      if (known !== undefined) {
        // Its last events were written with its end.
        if (isFinal(status) && !known.isFinal) known.watcher.behind = true;
        known.isFinal = isFinal(status);
        continue;
      }
      const watcher: RunWatcher = { queue: [], behind: true, wake: () => this.#wake() };
      this.#members.set(id, {
        id,
        place: this.#members.size,
        watcher,
        leave: events.join(id, watcher),
        cursor: this.#after.get(id) ?? 0,
        isFinal: isFinal(status),
      });
    }
    this.#refreshNotBefore = clock.now() + Math.max(shortestRefreshMs, 10 * (clock.now() - began));
  }

  /** What is new, each event once. */
  async #take(): Promise<readonly StoredRunEvent[]> {
    const current = [...this.#members.values()];
    const taken = current
      .filter(({ watcher }) => !watcher.behind)
      .flatMap(({ watcher }) => watcher.queue.splice(0));
    const behind = current.filter(({ watcher }) => watcher.behind).slice(0, mostRunsPerReading);
    for (const { watcher } of behind) watcher.behind = false;
    if (behind.length > 0) {
      const cursors = new Map(behind.map(({ id, cursor }) => [id, cursor]));
      taken.push(...(await this.#deps.events.readAfter(cursors)));
    }
    const fresh = taken.filter((stored) => {
      const member = this.#members.get(stored.runId);
      if (member === undefined || stored.sequence <= member.cursor) return false;
      member.cursor = stored.sequence;
      return true;
    });
    return inOrderOfTime(fresh, (runId) => this.#members.get(runId)?.place ?? 0);
  }

  /** Resolves when there may be something new. Notifications may get lost: look again now and then. */
  async #news(): Promise<void> {
    const { clock, events } = this.#deps;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const pause = this.#stale ? Math.max(1, this.#refreshNotBefore - clock.now()) : pollIntervalMs;
    const cancel = clock.after(pause, () => {
      for (const { id, watcher, isFinal: isOver } of this.#members.values())
        if (!isOver && !events.isLive(id)) watcher.behind = true;
      this.#stale = true;
      this.#wake();
    });
    await woken;
    cancel();
    this.#wake = () => {};
  }
}

/**
 * Events of a run and of all its descendants in one stream: those of each run by sequence, those of different runs by
 * time as far as they are known together. `after` names the last event seen of each run. Ends with the `run-end` of the run itself.
 */
export function watchRunTree(
  deps: { storage: Storage; clock: Clock; events: RunEventLog },
  runId: string,
  options: { after: ReadonlyMap<string, number>; signal: AbortSignal },
): AsyncGenerator<StoredRunEvent> {
  return new RunTreeWatch(deps, runId, options.after).events(options.signal);
}
