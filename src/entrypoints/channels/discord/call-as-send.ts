import { SendError } from '../send-error.ts';
import { DiscordApiError } from './discord-api-error.ts';

const requestTooLarge = 40_005;

/** Runs a call and tells what its failure means for the message. */
export async function callAsSend<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof DiscordApiError)) throw error;
    const { errorStatus: status, message, retryAfterMs, isGlobal } = error;
    if (status === 0) throw new SendError(error.mayHaveArrived ? 'ambiguous' : 'retry', message);
    if (status === 429) {
      throw new SendError('retry', message, {
        code: 'rate_limited',
        retryAfterMs: retryAfterMs ?? 5000,
        pauses: isGlobal ? 'account' : 'chat',
      });
    }
    if (status === 413 || error.number === requestTooLarge)
      throw new SendError('permanent', message, { code: 'payload_too_large' });
    if (status >= 500) throw new SendError('retry', message);
    throw new SendError('permanent', message, { unauthorized: status === 401 || status === 403 });
  }
}
