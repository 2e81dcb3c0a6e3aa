import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { AppError } from '../../base/index.ts';
import { defaultTenant, requireScope, type Scope } from '../../protocol/index.ts';
import { createHostRules } from './host-rules.ts';
import type { HttpApp, RouteDeps } from './http-deps.ts';

/** On every answer; the reference page loosens the first for itself. */
export const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

const nobody: Scope = { tenant: defaultTenant, principal: 'nobody', scopes: [] };
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What a caller showed: `X-API-Key`, or a key or token behind `Authorization: Bearer`. */
export function credentialOf(request: FastifyRequest): string | undefined {
  const { 'x-api-key': key, authorization } = request.headers;
  if (typeof key === 'string') return key.trim();
  if (authorization === undefined) return undefined;
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '';
}

function answerPreflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers':
        'authorization, content-type, idempotency-key, last-event-id, x-api-key, x-request-id',
      'access-control-max-age': '600',
    })
    .send();
}

/** Who may come in: host and origin first, then credentials and permissions. Refuses a route that declares neither. */
export function guardRequests(app: HttpApp, deps: Pick<RouteDeps, 'config' | 'authenticator'>): void {
  const { config, authenticator } = deps;
  const rules = createHostRules({
    listenHost: config.API_HOST,
    allowedHosts: config.API_ALLOWED_HOSTS,
    allowedOrigins: config.API_ALLOWED_ORIGINS,
  });

  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => void routes.push(route));
  app.addHook('onReady', () => {
    // Looked at when all are there: a plugin's own hooks may still declare its routes.
    const undeclared = routes
      .filter((route) => route.config?.public !== true && route.config?.scopes === undefined)
      .map((route) => `${String(route.method)} ${route.url}`);
    if (undeclared.length === 0) return Promise.resolve();
    throw new AppError(
      'internal',
      `routes declare neither config.public nor config.scopes: ${undeclared.join(', ')}`,
    );
  });

  app.decorateRequest('scope');
  app.addHook('onRequest', async (request, reply) => {
    request.scope = nobody;
    reply.headers(securityHeaders).header('x-request-id', request.id);
    const { host, origin } = request.headers;
    rules.checkHost(host, request.socket.localAddress);
    if (origin !== undefined) {
      if (!safeMethods.has(request.method)) rules.checkOrigin(origin, host);
      if (rules.isAllowedOrigin(origin)) {
        reply.headers({
          'access-control-allow-origin': origin,
          'access-control-expose-headers': 'x-request-id, x-a33-run-id, x-a33-session-id, x-a33-offline',
          vary: 'origin',
        });
        if (request.method === 'OPTIONS') return answerPreflight(reply);
      }
    }
    const { public: isPublic, scopes } = request.routeOptions.config;
    if (request.is404 || isPublic === true) return undefined;
    // Without credentials the answer is that of wrong ones.
    request.scope = await authenticator.authenticate(credentialOf(request) ?? '');
    requireScope(request.scope, ...(scopes ?? ['admin']));
    return undefined;
  });
}
