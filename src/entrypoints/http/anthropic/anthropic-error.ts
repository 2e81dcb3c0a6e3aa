import type { FastifyReply } from 'fastify';
import { isJsonObject, type AppError, type JsonObject } from '../../../base/index.ts';
import { errorHeaders } from '../problem.ts';

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

/** An error in Anthropic's shape. */
export function toAnthropicError(error: AppError, requestId: string): JsonObject {
  const type = types[error.status] ?? (error.status >= 500 ? 'api_error' : 'invalid_request_error');
  const details = error.details?.['anthropic'];
  return {
    type: 'error',
    error: { type, message: error.message, ...(isJsonObject(details) ? { details } : {}) },
    request_id: requestId,
  };
}

/** Answers with an error in Anthropic's shape and its real status; the clients are told whether to try again. */
export function sendAnthropicError(reply: FastifyReply, error: AppError): FastifyReply {
  return reply
    .code(error.status)
    .headers(errorHeaders(error))
    .header('request-id', reply.request.id)
    .header('x-should-retry', String(error.retryable))
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(toAnthropicError(error, reply.request.id));
}
