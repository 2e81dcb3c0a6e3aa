import type { AppError } from '../../../base/index.ts';
import type { ErrorClass } from './deployment.ts';

/** What an error says about the deployment that it came from. */
export interface ErrorVerdict {
  readonly class: ErrorClass;
  /** May it count against the deployment? Not when the request itself is at fault. */
  readonly blames: boolean;
  /** Nobody was reached: no connection, or the deployment cannot even be called. */
  readonly unreachable: boolean;
  /** The other side asks for this pause. */
  readonly retryAfterMs: number | undefined;
}

const byStatus: Readonly<Record<number, ErrorClass>> = {
  401: 'Authentication',
  402: 'Authentication',
  403: 'Authentication',
  404: 'NotFound',
  408: 'Timeout',
  429: 'RateLimit',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

const byCode: Readonly<Record<string, ErrorClass>> = {
  rate_limited: 'RateLimit',
  budget_exceeded: 'RateLimit',
  context_window_exceeded: 'ContextWindowExceeded',
  content_blocked: 'ContentPolicyViolation',
  timeout: 'Timeout',
  invalid_request: 'BadRequest',
  egress_denied: 'BadRequest',
};

function classOf({ code }: AppError, status: number | undefined): ErrorClass {
  const plain = byCode[code];
  if (plain !== undefined) return plain;
  if (code === 'model_rejected') return byStatus[status ?? 400] ?? 'BadRequest';
  if (code === 'model_unavailable' && status === undefined) return 'ServiceUnavailable';
  return byStatus[status ?? 500] ?? 'InternalServer';
}

/** Statuses below 500 that say something about the deployment and not about the request. */
const blaming = new Set([401, 404, 408, 429]);

/** The class of an attempt's error, by its code and by `details.status` where the other side answered. */
export function classifyError(error: AppError): ErrorVerdict {
  const told = error.details?.['status'];
  const status = typeof told === 'number' ? told : undefined;
  const asked = error.details?.['retryAfterMs'];
  const kind = classOf(error, status);
  const requestAtFault =
    kind === 'BadRequest' || kind === 'ContextWindowExceeded' || kind === 'ContentPolicyViolation';
  return {
    class: kind,
    blames: !requestAtFault && (status === undefined || status >= 500 || blaming.has(status)),
    unreachable:
      status === undefined && (error.code === 'model_unavailable' || error.code === 'invalid_definition'),
    retryAfterMs: typeof asked === 'number' && asked > 0 ? asked : undefined,
  };
}
