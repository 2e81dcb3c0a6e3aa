import type { Clock } from '../base/index.ts';

interface Timer {
  readonly order: number;
  dueMs: number;
  readonly everyMs: number | undefined;
  readonly fire: () => void;
}

/** Lets promise reactions and other work of this turn of the event loop finish. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A clock that moves only when the test says so. Timers fire in order of their due time while it is advanced. */
export class FakeClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #timers = new Set<Timer>();
  readonly #watchers = new Set<() => void>();

  /** Begins at `startMs`, by default the first second of 2026. */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  /** Timers and sleeps that have not fired yet. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  sleep(milliseconds: number, options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    return new Promise<void>((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.#add(milliseconds, undefined, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(milliseconds: number, callback: () => void): () => void {
    return this.#add(milliseconds, undefined, callback);
  }

  every(milliseconds: number, callback: () => void): () => void {
    return this.#add(milliseconds, Math.max(1, milliseconds), callback);
  }

  /** Moves the time on, firing what becomes due in order and letting promise reactions run in between. */
  async advance(milliseconds: number): Promise<void> {
    const endMs = this.#nowMs + milliseconds;
    await settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      if (next.everyMs === undefined) this.#timers.delete(next);
      else next.dueMs += next.everyMs;
      next.fire();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /** Sets the time without firing anything, like a machine that was asleep; timers fire at the next `advance`. */
  jumpTo(milliseconds: number): void {
    this.#nowMs = milliseconds;
  }

  /** Resolves once at least `count` timers or sleeps are waiting: the way to know that code has reached its wait. */
  async untilPending(count = 1): Promise<void> {
    while (this.#timers.size < count) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  #add(milliseconds: number, everyMs: number | undefined, fire: () => void): () => void {
    const timer: Timer = {
      order: (this.#order += 1),
      dueMs: this.#nowMs + Math.max(0, milliseconds),
      everyMs,
      fire,
    };
    this.#timers.add(timer);
    for (const watcher of this.#watchers) watcher();
    return () => void this.#timers.delete(timer);
  }

  #next(endMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue;
      if (
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.order < first.order)
      ) {
        first = timer;
      }
    }
    return first;
  }
}
