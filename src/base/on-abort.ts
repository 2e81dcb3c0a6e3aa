const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener` once when the signal aborts, at once where it has. Call the result to leave. Takes the same time
 * however many listen to one signal: an `EventTarget` compares every new listener with all that it has.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => {};
  }
  const listeners = listenersOf.get(signal) ?? firstOf(signal);
  const entry = (): void => listener();
  listeners.add(entry);
  return () => void listeners.delete(entry);
}

function firstOf(signal: AbortSignal): Set<() => void> {
  const listeners = new Set<() => void>();
  listenersOf.set(signal, listeners);
  signal.addEventListener(
    'abort',
    () => {
      for (const listener of listeners) listener();
    },
    { once: true },
  );
  return listeners;
}
