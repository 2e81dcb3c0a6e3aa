import type { Clock } from '../../../base/index.ts';
import type { ConsumeOptions, StreamEntry, StreamMessage } from '../event-streams.ts';

interface Stored {
  readonly sequence: number;
  readonly message: StreamMessage;
}

interface Pending {
  reader: string;
  since: number;
  attempt: number;
  stored: Stored;
}

interface Group {
  /** Place behind the last entry that was handed out. */
  next: number;
  readonly pending: Map<number, Pending>;
}

/** One group's view of a stream, for one reader of it. */
interface HeldGroup {
  takeOver(): void;
  next(limit: number): readonly StreamEntry[];
  news(waitMs: number, signal: AbortSignal): Promise<void>;
  acknowledge(entries: readonly StreamEntry[]): void;
  touch(entries: readonly StreamEntry[]): void;
  giveBack(): void;
}

const defaultClaimAfterMs = 60_000;

/** A stream with its groups, in memory. */
export class MemoryStream {
  #entries: Stored[] = [];
  #last = 0;
  readonly #groups = new Map<string, Group>();
  readonly #watchers = new Set<() => void>();

  append(message: StreamMessage, keepEntries?: number): string {
    this.#last += 1;
    this.#entries.push({ sequence: this.#last, message });
    if (keepEntries !== undefined) this.#trim(keepEntries);
    for (const watcher of this.#watchers) watcher();
    return String(this.#last);
  }

  group(name: string, reader: string, clock: Clock, options: ConsumeOptions): HeldGroup {
    const group = this.#groups.get(name) ?? { next: 1, pending: new Map<number, Pending>() };
    this.#groups.set(name, group);
    const claimAfterMs = options.sole === true ? 0 : (options.claimAfterMs ?? defaultClaimAfterMs);
    /** Entries handed to this reader since it was opened: the others of its own come first. */
    let handed = new Set<number>();
    const claimable = (sequence: number, pending: Pending): boolean =>
      pending.reader === reader ? !handed.has(sequence) : clock.now() - pending.since >= claimAfterMs;
    const hand = (pending: Pending): StreamEntry => {
      pending.reader = reader;
      pending.since = clock.now();
      pending.attempt += 1;
      handed.add(pending.stored.sequence);
      return toEntry(pending);
    };
    return {
      takeOver: () => {
        handed = new Set();
      },
      next: (limit) => {
        const owed = [...group.pending]
          .filter(([sequence, pending]) => claimable(sequence, pending))
          .toSorted(([one], [two]) => one - two)
          .slice(0, limit)
          .map(([, pending]) => pending);
        if (owed.length > 0) return owed.map(hand);
        const fresh = this.#entries.filter(({ sequence }) => sequence >= group.next).slice(0, limit);
        return fresh.map((stored) => {
          const pending = { reader, since: clock.now(), attempt: 0, stored };
          group.pending.set(stored.sequence, pending);
          group.next = stored.sequence + 1;
          return hand(pending);
        });
      },
      news: (waitMs, signal) => this.#news(clock, waitMs, signal),
      acknowledge: (entries) => {
        for (const { id } of entries) group.pending.delete(Number(id));
        if (options.keepMs !== undefined) this.#trim(0);
      },
      touch: (entries) => {
        for (const { id } of entries) {
          const pending = group.pending.get(Number(id));
          if (pending?.reader === reader) pending.since = clock.now();
        }
      },
      giveBack: () => {
        for (const pending of group.pending.values()) {
          if (pending.reader === reader) pending.since = Number.NEGATIVE_INFINITY;
        }
        for (const watcher of this.#watchers) watcher();
      },
    };
  }

  #news(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#watchers.delete(done);
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.after(waitMs, done);
      this.#watchers.add(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  /** Drops what is more than `keep` and no group needs. */
  #trim(keep: number): void {
    const needed = [...this.#groups.values()].map(({ next, pending }) => Math.min(next, ...pending.keys()));
    const edge = Math.min(this.#last - keep + 1, ...needed);
    if (edge > (this.#entries[0]?.sequence ?? 0)) {
      this.#entries = this.#entries.filter(({ sequence }) => sequence >= edge);
    }
  }
}

function toEntry({ stored, attempt }: Pending): StreamEntry {
  return {
    id: String(stored.sequence),
    body: Buffer.from(stored.message.body, 'utf8'),
    headers: stored.message.headers ?? {},
    attempt,
  };
}
