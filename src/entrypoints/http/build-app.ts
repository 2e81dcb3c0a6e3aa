import type { Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { guardRequests, securityHeaders } from './guard-requests.ts';
import type { HttpApp, RouteDeps } from './http-deps.ts';
import { parseJsonBody } from './json-body.ts';
import { addOpenApi } from './openapi.ts';
import { addOpenAIRoutes } from './openai/openai-routes.ts';
import { noteError, sendProblem } from './problem.ts';
import { logRequests } from './request-log.ts';
import { addAgentRoutes } from './routes/agents.ts';
import { addAuthRoutes } from './routes/auth.ts';
import { addChatRoutes } from './routes/chat.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addRunRoutes } from './routes/runs.ts';
import { addSessionRoutes } from './routes/sessions.ts';
import { answerUnknownRoutes } from './unknown-routes.ts';

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

/** JSON in, strictly read. */
function readJsonBodies(app: HttpApp): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    (_request, body, done) => {
      try {
        done(null, parseJsonBody(body as Buffer));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

/** Routes from elsewhere get the bytes as they came: signatures are over them. */
function readRawBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/** The Fastify instance with everything on it, not yet listening. */
export async function buildApp(deps: RouteDeps): Promise<HttpApp> {
  const { config, ids, logger } = deps;
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

  readJsonBodies(app);
  guardRequests(app, deps);
  logRequests(app, deps);
  answerUnknownRoutes(app);
  await addOpenApi(app, deps.version);

  addHealthRoutes(app, deps);
  addAuthRoutes(app, deps);
  addChatRoutes(app, deps);
  addAgentRoutes(app, deps);
  addRunRoutes(app, deps);
  addSessionRoutes(app, deps);
  await app.register((scope, _options, done) => {
    addOpenAIRoutes(scope, deps);
    done();
  });
  for (const addRoutes of deps.extraRoutes ?? []) {
    await app.register(async (scope) => {
      const plain = scope as unknown as FastifyInstance;
      readRawBodies(plain);
      await addRoutes(plain);
    });
  }
  return app;
}
