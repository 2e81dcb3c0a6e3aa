import { AppError } from '../../../base/index.ts';

/** A call that Discord refused or that got no readable answer. No token is in any of its texts. */
export class DiscordApiError extends AppError {
  /** HTTP status of the refusal; 0 when there was no answer. */
  readonly errorStatus: number;
  /** Discord's own number of what is wrong, such as 10015; 0 when it gave none. */
  readonly number: number;
  readonly retryAfterMs: number | undefined;
  /** The wait concerns the whole account. */
  readonly isGlobal: boolean;
  /** Without an answer: may the call have reached Discord? */
  readonly mayHaveArrived: boolean;

  constructor(
    message: string,
    options: {
      status: number;
      number?: number | undefined;
      retryAfterMs?: number | undefined;
      isGlobal?: boolean;
      mayHaveArrived?: boolean;
    },
  ) {
    super('upstream_error', message);
    this.name = 'DiscordApiError';
    this.errorStatus = options.status;
    this.number = options.number ?? 0;
    this.retryAfterMs = options.retryAfterMs;
    this.isGlobal = options.isGlobal ?? false;
    this.mayHaveArrived = options.mayHaveArrived ?? false;
  }
}
