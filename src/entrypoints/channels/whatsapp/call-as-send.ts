import { SendError } from '../send-error.ts';
import { accountLimits, isRefusedToken, notTaken, pairLimit } from './error-codes.ts';
import { WhatsAppApiError } from './whatsapp-api.ts';

const pairPauseMs = 6000;
const accountPauseMs = 5000;

/** A refused send that remembers Meta's number for it. */
export class WhatsAppSendError extends SendError {
  readonly errorCode: number | undefined;

  constructor(errorCode: number | undefined, ...rest: ConstructorParameters<typeof SendError>) {
    super(...rest);
    this.errorCode = errorCode;
  }
}

/** Runs a call and tells what its failure means for the message. */
export async function callAsSend<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof WhatsAppApiError)) throw error;
    throw toSendError(error);
  }
}

function toSendError(error: WhatsAppApiError): WhatsAppSendError {
  const { errorCode, httpStatus, message, retryAfterMs } = error;
  const accountWaitMs = errorCode === undefined ? undefined : accountLimits.get(errorCode);
  if (errorCode === pairLimit) {
    // Counted between two people: others may go on.
    return new WhatsAppSendError(errorCode, 'retry', message, {
      code: 'rate_limited',
      retryAfterMs: retryAfterMs ?? pairPauseMs,
      pauses: 'chat',
    });
  }
  if (accountWaitMs !== undefined || httpStatus === 429) {
    return new WhatsAppSendError(errorCode, 'retry', message, {
      code: 'rate_limited',
      retryAfterMs: retryAfterMs ?? accountWaitMs ?? accountPauseMs,
      pauses: 'account',
    });
  }
  if (error.mayHaveArrived) return new WhatsAppSendError(errorCode, 'ambiguous', message);
  const passes = httpStatus === 0 || httpStatus >= 500 || error.isTransient;
  if (passes || (errorCode !== undefined && notTaken.has(errorCode)))
    return new WhatsAppSendError(errorCode, 'retry', message);
  const unauthorized = httpStatus === 401 || (errorCode !== undefined && isRefusedToken(errorCode));
  return new WhatsAppSendError(errorCode, 'permanent', message, { unauthorized });
}
