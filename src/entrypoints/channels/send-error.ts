import { AppError, type ErrorCode } from '../../base/index.ts';

/**
 * What a failed send means for the message: `retry`: not sent, may work later. `permanent`: never will.
 * `ambiguous`: the platform may have it.
 */
export type SendVerdict = 'retry' | 'permanent' | 'ambiguous';

/** A message that the platform did not confirm. */
export class SendError extends AppError {
  readonly verdict: SendVerdict;
  /** The platform's own wait, for the whole account or only this chat. */
  readonly retryAfterMs: number | undefined;
  /** A failure like others, but the next try is not to come earlier. */
  readonly leastWaitMs: number | undefined;
  readonly pauses: 'account' | 'chat';
  /** The credentials were refused: every further call makes it worse. */
  readonly unauthorized: boolean;

  constructor(
    verdict: SendVerdict,
    message: string,
    options: {
      code?: ErrorCode;
      retryAfterMs?: number;
      leastWaitMs?: number;
      pauses?: 'account' | 'chat';
      unauthorized?: boolean;
    } = {},
  ) {
    super(options.code ?? 'upstream_error', message, { retryable: verdict !== 'permanent' });
    this.name = 'SendError';
    this.verdict = verdict;
    this.retryAfterMs = options.retryAfterMs;
    this.leastWaitMs = options.leastWaitMs;
    this.pauses = options.pauses ?? 'chat';
    this.unauthorized = options.unauthorized ?? false;
  }
}
