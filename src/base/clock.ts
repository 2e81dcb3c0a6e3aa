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
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(milliseconds, longestTimerMs),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
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
  const onParentAbort = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) controller.abort(parent.reason);
  else parent?.addEventListener('abort', onParentAbort, { once: true });
  const cancel = clock.after(milliseconds, () =>
    controller.abort(new DOMException(`no answer within ${milliseconds} ms`, 'TimeoutError')),
  );
  return {
    signal: controller.signal,
    clear: () => {
      cancel();
      parent?.removeEventListener('abort', onParentAbort);
    },
  };
}
