import { onAbort } from './on-abort.ts';

/** Source of time. Injected everywhere, so that tests decide what time it is. */
export interface Clock {
  /** Milliseconds since 1970 UTC. */
  now(): number;
  /** Resolves after `milliseconds`; rejects with the signal's reason when aborted first. */
  sleep(milliseconds: number, options?: { signal?: AbortSignal }): Promise<void>;
  /** Calls `callback` once after `milliseconds`; the returned function takes that back. Never keeps the process alive. */
  after(milliseconds: number, callback: () => void): () => void;
  /** Calls `callback` every `milliseconds` until the returned function is called. Never keeps the process alive. */
  every(milliseconds: number, callback: () => void): () => void;
}

const longestTimerMs = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, options = {}) =>
    new Promise<void>((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const timer = setTimeout(
        () => {
          stopListening?.();
          resolve();
        },
        Math.min(milliseconds, longestTimerMs),
      );
      const stopListening =
        signal &&
        onAbort(signal, () => {
          clearTimeout(timer);
          reject(signal.reason as Error);
        });
    }),
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, Math.min(milliseconds, longestTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
  every: (milliseconds, callback) => {
    const timer = setInterval(callback, milliseconds);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/**
 * A signal that aborts with a `TimeoutError` after `milliseconds`, or with `parent`'s reason when that aborts first.
 * Call `clear` when the work is done, so that no timer outlives it.
 */
export function withDeadline(
  clock: Clock,
  milliseconds: number,
  parent?: AbortSignal,
): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  const leaveParent = parent && onAbort(parent, () => controller.abort(parent.reason));
  const cancel = clock.after(milliseconds, () =>
    controller.abort(new DOMException(`no answer within ${milliseconds} ms`, 'TimeoutError')),
  );
  return {
    signal: controller.signal,
    clear: () => {
      cancel();
      leaveParent?.();
    },
  };
}
