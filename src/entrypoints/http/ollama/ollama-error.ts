import type { FastifyReply } from 'fastify';
import type { AppError } from '../../../base/index.ts';
import { errorHeaders } from '../problem.ts';

/** Answers with an error in Ollama's shape and its real status. */
export function sendOllamaError(reply: FastifyReply, error: AppError): FastifyReply {
  return reply
    .code(error.status)
    .headers(errorHeaders(error))
    .header('x-should-retry', String(error.retryable))
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ error: error.message });
}
