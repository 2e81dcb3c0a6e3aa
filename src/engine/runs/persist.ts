import { AppError, type Clock } from '../../base/index.ts';

const patienceMs = 60_000;
const longestPauseMs = 2000;

/**
 * Repeats an idempotent write while the database is away, for at most a minute: the work it records was paid for.
 * Rejects with the last error, or with the signal's reason.
 */
export async function persist<T>(write: () => Promise<T>, clock: Clock, signal?: AbortSignal): Promise<T> {
  const giveUpAt = clock.now() + patienceMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await write();
    } catch (error) {
      const away =
        error instanceof AppError && (error.code === 'storage_unavailable' || error.code === 'storage_full');
      if (!away || clock.now() + pauseMs > giveUpAt) throw error;
      await clock.sleep(pauseMs, signal === undefined ? {} : { signal });
    }
  }
}
