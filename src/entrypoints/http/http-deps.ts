import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Clock, IdGenerator, Json, JsonObject, Logger } from '../../base/index.ts';
import type { LimitDesk, UsageReports } from '../../capabilities/accounting/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import type { ModelGateway, ModelRouter } from '../../capabilities/models/index.ts';
import type { AgentStore } from '../../engine/agents/index.ts';
import type { EventRouter } from '../../engine/routing/index.ts';
import type { Automation } from '../../engine/automation/index.ts';
import type { DefinitionStore } from '../../engine/definitions/index.ts';
import type {
  ApprovalService,
  RunGraph,
  RunGraphMaker,
  RunHistory,
  RunService,
  RunStore,
  WorkerView,
} from '../../engine/runs/index.ts';
import type { Config } from '../../platform/config/index.ts';
import type { HealthAggregator, Metrics } from '../../platform/observability/index.ts';
import type { ApiKeyStore, Authenticator } from '../../platform/security/index.ts';
import type {
  Definition,
  PermissionScope,
  Scope,
  TargetKind,
  WorkflowDefinition,
} from '../../protocol/index.ts';
import type { ChannelOperations } from './channel-operations.ts';
import type { ResponseStore } from './openai/responses/response-store.ts';
import type { ServerLifetime } from './server-lifetime.ts';

/**
 * Routes from elsewhere, such as webhooks of chat platforms. Bodies come as raw bytes (`Buffer`); each route declares
 * `config: { public: true }` or `config: { scopes: […] }`.
 */
export type ExtraRoutes = (app: FastifyInstance) => void | Promise<void>;

/** What is known of workflows without running them. */
export interface WorkflowTools {
  /** What steps can do, by name; inputs and output are JSON Schemas. */
  actions(): readonly {
    readonly name: string;
    readonly description: string;
    readonly inputs: JsonObject;
    readonly output: JsonObject;
  }[];
  /** Everything wrong with a definition, with the path of the field; nothing is stored. */
  validate(scope: Scope, definition: Json): Promise<readonly { path: string; message: string }[]>;
  /** The steps and what they depend on; all are pending. */
  graph(definition: WorkflowDefinition): RunGraph;
  /** The same as a Mermaid flowchart. */
  mermaid(definition: WorkflowDefinition): string;
}

/** A server that holds models as files. */
interface LocalModels {
  /** Fetches a model; rejects when that fails. */
  pullModel(
    name: string,
    onProgress: (progress: { readonly status: string }) => void,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
}

/** What the HTTP server stands on. */
export interface HttpServerDeps {
  readonly config: Pick<
    Config,
    | 'API_HOST'
    | 'API_PORT'
    | 'API_ALLOWED_HOSTS'
    | 'API_ALLOWED_ORIGINS'
    | 'API_BODY_LIMIT_BYTES'
    | 'API_MODEL_BODY_LIMIT_BYTES'
    | 'API_WAIT_TIMEOUT_SECONDS'
  >;
  readonly runs: RunService;
  readonly runStore: RunStore;
  /** Files of requests and answers. */
  readonly files: Pick<FileStore, 'list' | 'find' | 'read'>;
  readonly runHistory: RunHistory;
  readonly approvals: ApprovalService;
  readonly agents: AgentStore;
  readonly automation: Automation;
  readonly channels: ChannelOperations;
  /** Says what answers a message. */
  readonly router: EventRouter;
  readonly teams: DefinitionStore<'Team'>;
  readonly workflows: DefinitionStore<'Workflow'>;
  readonly workflowTools: WorkflowTools;
  /** What a definition names that nothing has as things are now, with the path of the field. */
  readonly definitionWarnings: (
    scope: Scope,
    definition: Definition,
  ) => Promise<readonly { path: string; message: string }[]>;
  /** How runs of a kind of target are drawn; from their journal where a kind has no way of its own. */
  readonly runGraphs: Readonly<Partial<Record<TargetKind, RunGraphMaker>>>;
  /** Processes that work for this installation. */
  readonly workers: { list(): Promise<readonly WorkerView[]> };
  readonly apiKeys: ApiKeyStore;
  readonly authenticator: Authenticator;
  readonly models: Pick<ModelRouter, 'resolve' | 'stream' | 'complete' | 'listModels' | 'status'>;
  /** What calls of models used. */
  readonly usage: UsageReports;
  /** Limits and budgets of those who call models. */
  readonly limits: LimitDesk;
  /** Through which the doors for model clients call models. */
  readonly gateway: ModelGateway;
  /** The Ollama that models can be pulled into; none when it is not connected now. */
  readonly localModels?: () => LocalModels | undefined;
  /** Answers that the Responses API can continue. */
  readonly responses: ResponseStore;
  /** Model for what chat clients ask on their own: titles, tags. Absent: the one they name. */
  readonly backgroundModel?: () => string | undefined;
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
