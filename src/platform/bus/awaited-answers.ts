import { AppError, withDeadline, type Clock, type Json } from '../../base/index.ts';

/** Default of `MessageBus.request`. */
export const requestTimeoutMs = 5000;

/**
 * Waits for one answer: `begin` hands over `resolve` and `reject` and returns what tidies up. Errors: `timeout`, the
 * reason of the caller's signal, and whatever `begin` rejects with.
 */
export async function awaitAnswer(
  clock: Clock,
  subject: string,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  begin: (resolve: (answer: Json) => void, reject: (error: Error) => void) => () => void,
): Promise<Json> {
  const { timeoutMs = requestTimeoutMs, signal: parent } = options;
  const { signal, clear } = withDeadline(clock, timeoutMs, parent);
  const begun: (() => void)[] = [];
  try {
    return await new Promise<Json>((resolve, reject) => {
      const onAbort = (): void => {
        const reason = signal.reason as Error;
        const late = `no answer on "${subject}" within ${timeoutMs} ms`;
        reject(parent?.aborted ? reason : new AppError('timeout', late, { cause: reason }));
      };
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      begun.push(begin(resolve, reject));
    });
  } finally {
    for (const tidy of begun) tidy();
    clear();
  }
}
