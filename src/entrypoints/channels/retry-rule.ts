import { backOffMs } from './back-off.ts';
import type { ChannelAdapter } from './channel-adapter.ts';
import type { SendError } from './send-error.ts';

/** How failed sends are repeated where an adapter has no schedule of its own. */
export interface RetrySettings {
  /** Failed sends of one response before it goes to the dead-letter desk; waits that the platform asks for do not count. */
  readonly maxAttempts: number;
  /**
   * After so many failures a send whose answer was lost is not repeated any more, unless the platform knows what it has:
   * people would get the message once more with each try.
   */
  readonly maxRepeats: number;
  /** A response older than this is no longer sent. */
  readonly maxAgeMs: number;
  /** When the platform's answer was lost: send again, possibly twice, or leave it to an operator. */
  readonly onAmbiguous: 'retry' | 'hold';
  /** First wait after a failed send; doubles up to `maxBackOffMs`. */
  readonly backOffMs: number;
  readonly maxBackOffMs: number;
}

/** What follows from a failed send. */
export type NextTry =
  | { readonly end: 'failed' | 'unknown'; readonly error: string }
  | { readonly end?: undefined; readonly waitMs: number };

/** Up to a fifth more than the schedule says, so that what failed together does not come back together. */
const jitter = 0.2;

/** When, if at all, a response is tried again. `failures`: failed sends so far, with this one if it counts. */
export function nextTry(
  adapter: ChannelAdapter | undefined,
  settings: RetrySettings,
  { error, failures }: { readonly error: SendError; readonly failures: number },
): NextTry {
  const { message, verdict, retryAfterMs, leastWaitMs = 0 } = error;
  if (verdict === 'permanent') return { end: 'failed', error: message };
  const isDoubtful = verdict === 'ambiguous' && adapter?.capabilities.idempotentSend !== true;
  if (verdict === 'ambiguous' && settings.onAmbiguous === 'hold') return { end: 'unknown', error: message };
  if (retryAfterMs !== undefined) return { waitMs: retryAfterMs };
  const waits = adapter?.retries?.waitsMs;
  const most = waits === undefined ? settings.maxAttempts : waits.length + 1;
  if (failures >= most) return { end: 'failed', error: `given up after ${failures} attempts: ${message}` };
  if (isDoubtful && failures >= settings.maxRepeats)
    return { end: 'unknown', error: `not repeated after ${failures} attempts: ${message}` };
  const wait =
    waits === undefined
      ? backOffMs(failures, { baseMs: settings.backOffMs, maxMs: settings.maxBackOffMs })
      : (waits[failures - 1] ?? 0) * (1 + Math.random() * jitter);
  return { waitMs: Math.max(wait, leastWaitMs) };
}

/** How old a response may become. */
export function maxAgeOf(adapter: ChannelAdapter | undefined, settings: RetrySettings): number {
  return adapter?.retries?.maxAgeMs ?? settings.maxAgeMs;
}
