import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Clock, IdGenerator, Logger } from '../../base/index.ts';
import type { ModelRouter } from '../../capabilities/models/index.ts';
import type { AgentStore } from '../../engine/agents/index.ts';
import type { RunService, RunStore } from '../../engine/runs/index.ts';
import type { Config } from '../../platform/config/index.ts';
import type { HealthAggregator, Metrics } from '../../platform/observability/index.ts';
import type { ApiKeyStore, Authenticator } from '../../platform/security/index.ts';
import type { PermissionScope, Scope } from '../../protocol/index.ts';
import type { ServerLifetime } from './server-lifetime.ts';

/**
 * Routes from elsewhere, such as webhooks of chat platforms. Bodies come as raw bytes (`Buffer`); each route declares
 * `config: { public: true }` or `config: { scopes: […] }`.
 */
export type ExtraRoutes = (app: FastifyInstance) => void | Promise<void>;

/** What the HTTP server stands on. */
export interface HttpServerDeps {
  readonly config: Pick<
    Config,
    | 'API_HOST'
    | 'API_PORT'
    | 'API_ALLOWED_HOSTS'
    | 'API_ALLOWED_ORIGINS'
    | 'API_BODY_LIMIT_BYTES'
    | 'API_WAIT_TIMEOUT_SECONDS'
  >;
  readonly runs: RunService;
  readonly runStore: RunStore;
  readonly agents: AgentStore;
  readonly apiKeys: ApiKeyStore;
  readonly authenticator: Authenticator;
  readonly models: Pick<ModelRouter, 'resolve' | 'stream' | 'complete' | 'listModels' | 'status'>;
  readonly health: HealthAggregator;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly version: string;
  readonly extraRoutes?: readonly ExtraRoutes[];
  /** How long `stop` lets answers under way finish. Default 10 s. */
  readonly drainMs?: number;
}

/** What routes stand on. */
export interface RouteDeps extends HttpServerDeps {
  readonly lifetime: ServerLifetime;
}

/** The Fastify instance that our own routes are added to: bodies, queries and parameters are typed by their zod schema. */
export type HttpApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Anybody may call this route. */
    public?: true;
    /** One of these permissions is needed; an empty list: any valid credentials. */
    scopes?: readonly PermissionScope[];
  }
  interface FastifyRequest {
    /** Who is calling; without any permission on public routes. */
    scope: Scope;
  }
}
