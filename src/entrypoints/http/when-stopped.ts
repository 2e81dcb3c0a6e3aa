const watched = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when the signal aborts, at once if it has. One listener serves all who wait: each request waits for the end of
 * the server, and a listener of its own would cost more than the rest of its waiting. Returns what takes it back.
 */
export function whenStopped(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  let waiting = watched.get(signal);
  if (waiting === undefined) {
    const all = new Set<() => void>();
    waiting = all;
    watched.set(signal, all);
    signal.addEventListener(
      'abort',
      () => {
        for (const one of all) one();
      },
      { once: true },
    );
  }
  waiting.add(callback);
  const set = waiting;
  return () => void set.delete(callback);
}
