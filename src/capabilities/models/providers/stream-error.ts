import { AppError } from '../../../base/index.ts';

/** The last event's error when a stream ends because its signal aborted. */
export function toStreamError(reason: unknown): AppError {
  if (reason instanceof AppError) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError')
    return new AppError('timeout', `The model call ran out of time: ${reason.message}`, { cause: reason });
  return new AppError('cancelled', 'The model call was cancelled.', { cause: reason });
}
