import { toAppError, withDeadline, type Clock, type SerializedError } from '../../base/index.ts';

/** One of several places that get the same event. */
export interface FanOutTarget<T> {
  readonly name: string;
  deliver(event: T, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** What became of an event at one target. */
export interface FanOutResult {
  readonly target: string;
  readonly ok: boolean;
  readonly error?: SerializedError;
  readonly durationMs: number;
}

/**
 * Gives an event to all targets at once and tells what became of it at each, in their order. None waits for another, and
 * one that fails or takes longer than `timeoutMs` (error `timeout`) disturbs none. Never rejects.
 */
export async function fanOut<T>(
  targets: readonly FanOutTarget<T>[],
  event: T,
  options: { readonly clock: Clock; readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<readonly FanOutResult[]> {
  const { clock, timeoutMs } = options;
  return Promise.all(
    targets.map(async (target) => {
      const begun = clock.now();
      const { signal, clear } = withDeadline(clock, timeoutMs, options.signal);
      try {
        const late = new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
        signal.throwIfAborted();
        await Promise.race([target.deliver(event, { signal }), late]);
        return { target: target.name, ok: true, durationMs: clock.now() - begun };
      } catch (error) {
        const isLate = error instanceof Error && error.name === 'TimeoutError';
        const fault = toAppError(error).toJSON();
        return {
          target: target.name,
          ok: false,
          error: isLate
            ? { code: 'timeout', message: `not taken within ${timeoutMs} ms`, retryable: true }
            : fault,
          durationMs: clock.now() - begun,
        } as const;
      } finally {
        clear();
      }
    }),
  );
}
