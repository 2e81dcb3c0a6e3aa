import { AppError } from '../../../base/index.ts';

/** The error of a call that a guard has stopped. Error code: `content_blocked`. */
export function blockedContent(guard: string, reason: string, cause?: unknown): AppError {
  return new AppError('content_blocked', `The guard "${guard}" stopped the call: ${reason}`, {
    details: { guard, reason },
    ...(cause === undefined ? {} : { cause }),
  });
}
