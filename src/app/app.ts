import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { createIdGenerator, systemClock, type Clock, type HealthCheck, type Logger } from '../base/index.ts';
import { createModels, modelServerHosts, type LLMProvider } from '../capabilities/models/index.ts';
import {
  createBuiltinTools,
  createToolGovernance,
  createToolRegistry,
  type Tool,
} from '../capabilities/tools/index.ts';
import {
  createAgentExecutor,
  createAgentStore,
  createProjectSource,
  writeSchemas,
} from '../engine/agents/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  SqlRunStore,
  type RunEngineSettings,
} from '../engine/runs/index.ts';
import { createChannelHub } from '../entrypoints/channels/index.ts';
import { createHttpServer, type HttpServer } from '../entrypoints/http/index.ts';
import type { Config } from '../platform/config/index.ts';
import { createEgressClient } from '../platform/http-client/index.ts';
import {
  createHealthAggregator,
  createMetrics,
  EventLoopCheck,
  type Redactor,
} from '../platform/observability/index.ts';
import { PgBossQueue } from '../platform/queue/index.ts';
import {
  createApiKeyStore,
  createAuthenticator,
  loadOrCreateCredentials,
} from '../platform/security/index.ts';
import { createStorage } from '../platform/storage/index.ts';
import { systemScope } from '../protocol/index.ts';
import { channelRoutes } from './channel-routes.ts';
import { Lifecycle } from './lifecycle.ts';

export interface AppOptions {
  readonly version: string;
  readonly config: Config;
  /** Variables that definitions may refer to as `${NAME}`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Learns the secrets that come up while the server runs. */
  readonly redactor?: Redactor;
  readonly clock?: Clock;
  /** Model providers beside the built-in ones. */
  readonly providers?: readonly LLMProvider[];
  /** Tools beside the built-in ones. */
  readonly tools?: readonly Tool[];
  readonly runSettings?: Partial<RunEngineSettings>;
  /** Called at the moments at which a crash would be most unkind; for crash tests. */
  readonly failpoint?: (name: string) => void;
}

/** What a started server tells about itself. */
export interface StartedApp {
  readonly url: string;
  /** The admin key, at the very first start only. */
  readonly newApiKey: string | undefined;
  readonly apiKey: string;
  readonly model: string;
  readonly offline: boolean;
  readonly agents: readonly string[];
}

/** A whole Agent33, built from its configuration: the only place that knows every concrete class. */
export class App {
  readonly #options: AppOptions;
  readonly #lifecycle: Lifecycle;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#lifecycle = new Lifecycle(options.logger);
  }

  /** Starts everything in order; after a failure call `stop`. */
  async start(): Promise<StartedApp> {
    const { config, logger, version, environment, clock = systemClock } = this.#options;
    await mkdir(config.homeDir, { recursive: true });
    const ids = createIdGenerator(() => clock.now());
    const metrics = createMetrics({ version });
    const health = createHealthAggregator({ clock, version });
    const credentials = await loadOrCreateCredentials({ config, logger });
    this.#options.redactor?.learn([
      credentials.jwtSecret,
      credentials.apiSecretKey,
      credentials.encryptionKey,
      credentials.adminKey.key,
    ]);

    const project = createProjectSource({ dir: config.projectDir, environment, clock, logger });
    const storage = createStorage({ config, clock, logger });
    // The database takes longest to open; the files are read meanwhile.
    const opened = this.#lifecycle.start(storage);
    try {
      await this.#lifecycle.start(project);
    } finally {
      await opened;
    }
    const { spec: settings } = project.current.project;
    const allowPrivate = [...config.EGRESS_ALLOW_PRIVATE, ...settings.egress.allow];
    const modelEgress = createEgressClient({ allowPrivate: [...modelServerHosts(config), ...allowPrivate] });
    this.#lifecycle.onStop('model-egress', () => modelEgress.close());

    const queue = new PgBossQueue({ storage, clock, logger });
    const models = createModels({
      config,
      egress: modelEgress,
      clock,
      metrics,
      logger,
      settings: settings.models,
      ...(this.#options.providers === undefined ? {} : { providers: this.#options.providers }),
    });
    await Promise.all([this.#lifecycle.start(queue), this.#lifecycle.start(models)]);

    const tools = createToolRegistry({ logger });
    const builtin = createBuiltinTools({ clock, createEgress: createEgressClient, allowPrivate });
    for (const tool of [...builtin, ...(this.#options.tools ?? [])]) tools.register(tool);
    const governance = createToolGovernance({ clock, logger, metrics });
    const agents = createAgentStore({
      storage,
      clock,
      project: () => project.current,
      startedAt: new Date(clock.now()).toISOString(),
    });
    const runs = new RunEngine({
      storage,
      queue,
      clock,
      ids,
      logger,
      metrics,
      executors: {
        agent: createAgentExecutor({
          agents,
          models: models.router,
          tools,
          governance,
          projectDir: config.projectDir,
        }),
      },
      settings: {
        ...defaultRunEngineSettings,
        execute: config.AGENT33_WORKER,
        concurrency: settings.runs.concurrency,
        retentionMs: settings.runs.retention,
        ...this.#options.runSettings,
      },
      ...(this.#options.failpoint === undefined ? {} : { failpoint: this.#options.failpoint }),
    });
    await this.#lifecycle.start(runs);

    const apiKeys = createApiKeyStore({ storage, clock, ids });
    await apiKeys.ensureAdminKey(systemScope, credentials.adminKey);
    const authenticator = createAuthenticator({
      keys: apiKeys,
      jwtSecret: credentials.jwtSecret,
      algorithm: config.JWT_ALGORITHM,
      expireMinutes: config.JWT_EXPIRE_MINUTES,
      clock,
    });

    const eventLoop = new EventLoopCheck();
    await this.#lifecycle.start(eventLoop);
    const channels = createChannelHub({
      runs,
      storage,
      queue,
      clock,
      ids,
      logger,
      metrics,
      createEgress: createEgressClient,
      allowPrivate,
    });
    const checks: HealthCheck[] = [
      {
        name: storage.kind === 'pglite' ? 'database' : 'postgres',
        critical: true,
        check: (signal) => storage.health(signal),
      },
      { name: 'queue', critical: true, check: (signal) => queue.health(signal) },
      { name: 'runs', critical: true, check: () => runs.health() },
      eventLoop,
    ];
    for (const check of checks) health.add(check);

    const http: HttpServer = createHttpServer({
      config,
      runs,
      runStore: new SqlRunStore(storage),
      agents,
      apiKeys,
      authenticator,
      models: models.router,
      health,
      metrics,
      logger,
      clock,
      ids,
      version,
      extraRoutes: [channelRoutes(channels)],
    });
    await this.#lifecycle.start(http);
    await this.#lifecycle.start(channels);
    await channels.apply(project.current.channels.map((one) => one.definition));
    project.onChange((changed) => {
      channels.apply(changed.channels.map((one) => one.definition)).catch((error: unknown) => {
        logger.error({ error }, 'channels could not be changed');
      });
    });
    await credentials.announce(http.url);
    await writeSchemas(path.join(config.homeDir, 'schemas'));

    const status = models.router.status();
    const listed = await agents.list(systemScope);
    return {
      url: http.url,
      newApiKey: credentials.adminKey.isNew ? credentials.adminKey.key : undefined,
      apiKey: credentials.adminKey.key,
      model: status.defaultModel,
      offline: status.offline,
      agents: listed.map((one) => one.definition.metadata.name),
    };
  }

  /** Stops in reverse order; also after a failed start. */
  async stop(): Promise<void> {
    await this.#lifecycle.stop();
  }
}

/** A server that is not started yet. */
export function createApp(options: AppOptions): App {
  return new App(options);
}
