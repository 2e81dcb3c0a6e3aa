import type { FastifyReply } from 'fastify';
import { AppError, type ErrorCode, type JsonObject } from '../../../base/index.ts';
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

/** Codes that clients of OpenAI's API know under another name. */
const knownCodes: Readonly<Partial<Record<ErrorCode, string>>> = {
  context_window_exceeded: 'context_length_exceeded',
  content_blocked: 'content_filter',
  rate_limited: 'rate_limit_exceeded',
  budget_exceeded: 'insufficient_quota',
};

/** Refusals of an upstream that are about the request and not about our credentials. */
const passedStatuses: ReadonlySet<unknown> = new Set([400, 404, 409, 413, 415, 422]);
/** The upstream has nothing of that kind: whoever asks again gets the same answer. */
const notOffered: ReadonlySet<unknown> = new Set([405, 410, 501]);

/** The status of an error: that of the upstream where it refused what the client wrote. */
export function openAIStatus({ code, details, status }: AppError): number {
  const upstream = details?.['status'];
  if (details?.['unknownModel'] !== undefined) return 404;
  if (code !== 'model_rejected') return status;
  return notOffered.has(upstream) ? 400 : passedStatuses.has(upstream) ? Number(upstream) : status;
}

/** An error in OpenAI's shape. */
export function toOpenAIError(error: AppError): { readonly error: JsonObject } {
  const { details = {} } = error;
  const status = openAIStatus(error);
  const [issue] = Array.isArray(details['issues']) ? (details['issues'] as readonly Issue[]) : [];
  const param = details['param'] ?? issue?.path;
  const isUnknown = error.code === 'model_rejected' || details['unknownModel'] !== undefined;
  const missing = isUnknown && status === 404 ? 'model_not_found' : undefined;
  const upstreamCode = passedStatuses.has(status) ? details['upstreamCode'] : undefined;
  const code = details['openaiCode'] ?? upstreamCode ?? missing ?? knownCodes[error.code];
  return {
    error: {
      message: error.message,
      type: types[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error'),
      param: typeof param === 'string' && param !== '' ? param : null,
      code: typeof code === 'string' ? code : error.code,
    },
  };
}

/** May a client try again? Not where we have done so already: attempts would multiply. */
function shouldRetry({ retryable, details }: AppError): boolean {
  const attempts = details?.['attempts'];
  return retryable && !(typeof attempts === 'number' && attempts > 1);
}

/** Answers with an error in OpenAI's shape and its real status; the clients are told whether to try again. */
export function sendOpenAIError(reply: FastifyReply, error: AppError): FastifyReply {
  return reply
    .code(openAIStatus(error))
    .headers(errorHeaders(error))
    .header('x-should-retry', String(shouldRetry(error)))
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(toOpenAIError(error));
}
