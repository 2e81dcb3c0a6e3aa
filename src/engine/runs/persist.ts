import { AppError, type Clock } from '../../base/index.ts';

const patienceMs = 60_000;
const longestPauseMs = 2000;

/** Could the database not be used? It may be again in a moment. */
export function isStorageAway(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'storage_unavailable' || error.code === 'storage_full');
}

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
      if (!isStorageAway(error) || clock.now() + pauseMs > giveUpAt) throw error;
      await clock.sleep(pauseMs, signal === undefined ? {} : { signal });
    }
  }
}
