/** Who has to act on an error: the caller, a service we depend on, or we ourselves. */
export type Fault = 'caller' | 'upstream' | 'internal';

interface ErrorKind {
  readonly fault: Fault;
  /** HTTP status with which the error is answered. */
  readonly status: number;
  /** May the same request succeed when it is simply sent again? */
  readonly retryable: boolean;
  readonly meaning: string;
}

/** Every error the platform can answer with; `docs/errors.md` is generated from this table. */
export const errorTable = {
  invalid_request: {
    fault: 'caller',
    status: 400,
    retryable: false,
    meaning: 'The request does not have the expected form; `details.issues` names each field.',
  },
  unauthenticated: {
    fault: 'caller',
    status: 401,
    retryable: false,
    meaning: 'No valid credentials were given.',
  },
  forbidden: {
    fault: 'caller',
    status: 403,
    retryable: false,
    meaning: 'The credentials do not carry the scope that the operation needs.',
  },
  not_found: {
    fault: 'caller',
    status: 404,
    retryable: false,
    meaning: 'The named thing does not exist, or not for this tenant.',
  },
  method_not_allowed: {
    fault: 'caller',
    status: 405,
    retryable: false,
    meaning: 'The address exists, but not with this HTTP method.',
  },
  conflict: {
    fault: 'caller',
    status: 409,
    retryable: false,
    meaning: 'The present state does not allow the operation.',
  },
  payload_too_large: {
    fault: 'caller',
    status: 413,
    retryable: false,
    meaning: 'The body exceeds the limit of its door.',
  },
  unsupported_media_type: {
    fault: 'caller',
    status: 415,
    retryable: false,
    meaning: 'The Content-Type is not accepted here.',
  },
  idempotency_mismatch: {
    fault: 'caller',
    status: 422,
    retryable: false,
    meaning: 'The idempotency key was used before with a different request.',
  },
  invalid_definition: {
    fault: 'caller',
    status: 422,
    retryable: false,
    meaning: 'A definition is not valid; the message names file, line and field.',
  },
  invalid_config: {
    fault: 'caller',
    status: 500,
    retryable: false,
    meaning: 'The configuration is not valid; every problem is listed at start.',
  },
  rate_limited: {
    fault: 'caller',
    status: 429,
    retryable: true,
    meaning: 'Too many requests; `Retry-After` says when to try again.',
  },
  budget_exceeded: {
    fault: 'caller',
    status: 429,
    retryable: false,
    meaning: 'A budget would be exceeded; `details.subject` says whose. Nothing was spent.',
  },
  content_blocked: {
    fault: 'caller',
    status: 400,
    retryable: false,
    meaning: 'A guard, or the content policy of the provider, refused the request or the answer.',
  },
  approval_rejected: {
    fault: 'caller',
    status: 409,
    retryable: false,
    meaning: 'A person decided against it; the message says who and why.',
  },
  approval_expired: {
    fault: 'caller',
    status: 409,
    retryable: false,
    meaning: 'Nobody decided before the deadline of an approval.',
  },
  expression_failed: {
    fault: 'caller',
    status: 422,
    retryable: false,
    meaning: 'An expression could not be evaluated; the message names it and what is missing.',
  },
  limit_exceeded: {
    fault: 'caller',
    status: 422,
    retryable: false,
    meaning: 'A run reached a limit of its definition: state, rounds, depth or budget.',
  },
  cancelled: { fault: 'caller', status: 409, retryable: false, meaning: 'The run was cancelled.' },
  timeout: {
    fault: 'upstream',
    status: 504,
    retryable: true,
    meaning: 'A deadline passed before the work was done.',
  },
  upstream_error: {
    fault: 'upstream',
    status: 502,
    retryable: true,
    meaning: 'A service we depend on answered with an error or with something unreadable.',
  },
  model_unavailable: {
    fault: 'upstream',
    status: 503,
    retryable: true,
    meaning: 'The configured model provider cannot be reached; the message says why.',
  },
  model_rejected: {
    fault: 'upstream',
    status: 502,
    retryable: false,
    meaning: 'The model provider refused the call.',
  },
  context_window_exceeded: {
    fault: 'upstream',
    status: 400,
    retryable: false,
    meaning: 'The conversation does not fit the context window of the model.',
  },
  egress_denied: {
    fault: 'caller',
    status: 403,
    retryable: false,
    meaning: 'The egress guard refused an outgoing address.',
  },
  tool_denied: {
    fault: 'caller',
    status: 403,
    retryable: false,
    meaning: 'Tool governance refused the call.',
  },
  step_limit_reached: {
    fault: 'caller',
    status: 422,
    retryable: false,
    meaning: 'The agent used up its step limit without an answer.',
  },
  output_invalid: {
    fault: 'upstream',
    status: 502,
    retryable: true,
    meaning: 'The model did not produce output that fits the schema, even after one repair round.',
  },
  storage_unavailable: {
    fault: 'upstream',
    status: 503,
    retryable: true,
    meaning: 'The database cannot be reached.',
  },
  storage_full: {
    fault: 'upstream',
    status: 507,
    retryable: true,
    meaning: 'The disk is (nearly) full; writes are refused, reads go on.',
  },
  folder_locked: {
    fault: 'caller',
    status: 503,
    retryable: false,
    meaning: 'Another process has the embedded data folder open.',
  },
  not_ready: {
    fault: 'internal',
    status: 503,
    retryable: true,
    meaning: 'The process is starting or stopping.',
  },
  nondeterministic_run: {
    fault: 'internal',
    status: 500,
    retryable: false,
    meaning: 'A run asked for another step than its journal holds; the message names the first one.',
  },
  run_crashed: {
    fault: 'internal',
    status: 500,
    retryable: false,
    meaning: 'The run took its process down too often and was set aside.',
  },
  internal: {
    fault: 'internal',
    status: 500,
    retryable: false,
    meaning: 'A fault of ours; the request id leads to the log.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorTable;

/** JSON that may be logged and returned to the caller, so never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Wire form of an error; also the form stored in the journal. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly details?: ErrorDetails;
}

interface AppErrorOptions {
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
  /** Overrides the table's default for this one error. */
  readonly retryable?: boolean;
}

/** The one error type of the platform: a code of the table, a message for people, and what led to it. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.details = options.details;
    this.retryable = options.retryable ?? errorTable[code].retryable;
  }

  get fault(): Fault {
    return errorTable[this.code].fault;
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  toJSON(): SerializedError {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** Rebuilds an error from its stored form. */
export function fromSerializedError(stored: SerializedError): AppError {
  return new AppError(stored.code in errorTable ? stored.code : 'internal', stored.message, {
    retryable: stored.retryable,
    ...(stored.details === undefined ? {} : { details: stored.details }),
  });
}

/** The one conversion of the unknown, used once per edge. Foreign errors become `internal` with the original as cause. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('internal', 'Something went wrong on our side.', { cause: error });
}

/** True for the error that an aborted `AbortSignal` throws. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}
