import { backOffMs } from './back-off.ts';
import type { ChannelAdapterContext } from './channel-adapter.ts';

const backOff = { baseMs: 1000, maxMs: 60_000 };

/** A refusal that another try may not meet. */
export interface PassingRefusal {
  readonly message: string;
  /** What the platform asks to wait. */
  readonly retryAfterMs: number | undefined;
}

/** Repeats until the platform has answered, and shows why it has not. Throws what no repetition heals. */
export async function connectPatiently<T>(
  { clock, logger, onStatus }: Pick<ChannelAdapterContext, 'clock' | 'logger' | 'onStatus'>,
  signal: AbortSignal,
  parts: {
    readonly connect: () => Promise<T>;
    readonly passing: (error: unknown) => PassingRefusal | undefined;
  },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await parts.connect();
    } catch (error) {
      const passing = signal.aborted ? undefined : parts.passing(error);
      if (passing === undefined) throw error;
      const { message: reason, retryAfterMs } = passing;
      onStatus('connecting', reason);
      logger.warn({ reason, attempt }, 'connecting failed and will be tried again');
      await clock.sleep(retryAfterMs ?? backOffMs(attempt, backOff), { signal });
    }
  }
}
