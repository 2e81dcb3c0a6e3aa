import type { Socket } from 'node:net';
import fastify from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { securityHeaders } from './guard-requests.ts';
import type { HttpApp, RouteDeps } from './http-deps.ts';
import { noteError, sendProblem } from './problem.ts';

const requestIdForm = /^[\w.:-]{1,64}$/;

const refusals: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/** Answers bytes that are no HTTP request, or came too slowly to be one. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writable && error.code !== 'ECONNRESET') {
    const status = refusals[error.code ?? ''] ?? '400 Bad Request';
    const body = JSON.stringify({
      type: 'about:blank',
      title: status.slice(4),
      status: Number(status.slice(0, 3)),
    });
    socket.write(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  }
  socket.destroy();
}

/** A Fastify instance with our limits, ids and errors, without any route. */
export function createHttpApp({
  config,
  ids,
  logger,
}: Pick<RouteDeps, 'config' | 'ids' | 'logger'>): HttpApp {
  const app: HttpApp = fastify({
    logger: false,
    bodyLimit: config.API_BODY_LIMIT_BYTES,
    requestTimeout: 30_000,
    keepAliveTimeout: 5_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 5_000 },
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    requestIdHeader: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && requestIdForm.test(given) ? given : ids('req');
    },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => {
      void sendProblem(reply.headers(securityHeaders), noteError(error, request, logger));
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  // Answers are made from our own types; checking each again would only cost.
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler((error, request, reply) => sendProblem(reply, noteError(error, request, logger)));
  return app;
}
