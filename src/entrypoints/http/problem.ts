import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError, Logger } from '../../base/index.ts';
import { requestError, type Issue } from './request-error.ts';

/** RFC 9457. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly request_id: string;
  /** May the same request succeed when it is simply sent again? */
  readonly retryable: boolean;
  readonly issues?: readonly Issue[];
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An error as it is told to callers. */
export function toProblem(error: AppError, requestId: string): Problem {
  const { issues, ...details } = error.details ?? {};
  return {
    type: `urn:agent33:error:${error.code}`,
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    detail: error.message,
    code: error.code,
    request_id: requestId,
    retryable: error.retryable,
    ...(Array.isArray(issues) ? { issues: issues as readonly Issue[] } : {}),
    ...(Object.keys(details).length > 0 ? { details } : {}),
  };
}

/** Headers that belong to an error, whatever the form of its body. */
export function errorHeaders(error: AppError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.code === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="agent33"';
  const retryAfterMs = error.details?.['retryAfterMs'];
  if (typeof retryAfterMs === 'number') {
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  }
  return headers;
}

/** Converts whatever was thrown and logs it once: our own faults loudly, those of others quietly. */
export function noteError(error: unknown, request: FastifyRequest, logger: Logger): AppError {
  const appError = requestError(error);
  const { fault } = appError;
  if (fault === 'caller') return appError;
  const fields = { request_id: request.id, route: request.routeOptions.url, error: appError };
  if (fault === 'internal' && appError.code !== 'not_ready') logger.error(fields, 'request failed');
  else logger.warn(fields, 'request failed upstream');
  return appError;
}

/** Answers with problem+json. */
export function sendProblem(reply: FastifyReply, error: AppError): FastifyReply {
  return reply
    .code(error.status)
    .headers(errorHeaders(error))
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send(toProblem(error, reply.request.id));
}
