import type { FastifyReply } from 'fastify';
import { AppError, type JsonObject } from '../../../base/index.ts';
import { errorHeaders } from '../problem.ts';
import type { Issue } from '../request-error.ts';

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

/** A model that does not exist, as OpenAI's clients know it. */
export function modelNotFound(model: string, hint = ''): AppError {
  return new AppError('not_found', `The model \`${model}\` does not exist.${hint}`, {
    details: { param: 'model', openaiCode: 'model_not_found' },
  });
}

/** An error in OpenAI's shape. */
export function toOpenAIError(error: AppError): { readonly error: JsonObject } {
  const { details = {} } = error;
  const [issue] = Array.isArray(details['issues']) ? (details['issues'] as readonly Issue[]) : [];
  const param = details['param'] ?? issue?.path;
  return {
    error: {
      message: error.message,
      type: types[error.status] ?? (error.status >= 500 ? 'server_error' : 'invalid_request_error'),
      param: typeof param === 'string' && param !== '' ? param : null,
      code: typeof details['openaiCode'] === 'string' ? details['openaiCode'] : error.code,
    },
  };
}

/** Answers with an error in OpenAI's shape and its real status; the clients are told whether to try again. */
export function sendOpenAIError(reply: FastifyReply, error: AppError): FastifyReply {
  return reply
    .code(error.status)
    .headers(errorHeaders(error))
    .header('x-should-retry', String(error.retryable))
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(toOpenAIError(error));
}
