import { SendError } from '../send-error.ts';
import { TelegramApiError } from './telegram-api.ts';

/** Runs a call and tells what its failure means for the message. */
export async function callAsSend<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof TelegramApiError)) throw error;
    const { errorCode, message, retryAfterMs } = error;
    if (errorCode === 0) throw new SendError(error.mayHaveArrived ? 'ambiguous' : 'retry', message);
    if (errorCode === 429) {
      // Telegram holds the whole bot back, not only the chat.
      throw new SendError('retry', message, {
        code: 'rate_limited',
        retryAfterMs: retryAfterMs ?? 5000,
        pauses: 'account',
      });
    }
    if (errorCode >= 500) throw new SendError('retry', message);
    throw new SendError('permanent', message, { unauthorized: errorCode === 401 || errorCode === 403 });
  }
}
