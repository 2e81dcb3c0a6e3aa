import path from 'node:path';
import { createIdGenerator, type Clock, type HealthCheck } from '../base/index.ts';
import { createModels, modelServerHosts } from '../capabilities/models/index.ts';
import { createBuiltinTools, createToolGovernance, createToolRegistry } from '../capabilities/tools/index.ts';
import {
  createAgentExecutor,
  createAgentStore,
  createProjectSource,
  writeSchemas,
} from '../engine/agents/index.ts';
import { defaultRunEngineSettings, RunEngine, SqlRunStore } from '../engine/runs/index.ts';
import { createChannelHub } from '../entrypoints/channels/index.ts';
import { createHttpServer, type HttpServer } from '../entrypoints/http/index.ts';
import { createEgressClient } from '../platform/http-client/index.ts';
import { createHealthAggregator, createMetrics, EventLoopCheck } from '../platform/observability/index.ts';
import { PgBossQueue } from '../platform/queue/index.ts';
import { createApiKeyStore, createAuthenticator, type Credentials } from '../platform/security/index.ts';
import type { Storage } from '../platform/storage/index.ts';
import { systemScope } from '../protocol/index.ts';
import { channelRoutes } from './channel-routes.ts';
import type { AppOptions, StartedApp } from './app-options.ts';
import type { Lifecycle } from './lifecycle.ts';
import { loadProjectTools } from './project-tools.ts';

/** What is there before the rest is put together. */
export interface Foundation {
  readonly options: AppOptions;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly credentials: Credentials;
  readonly storage: Storage;
  /** Settles when the storage has opened or could not. */
  readonly opened: Promise<void>;
}

/** Puts the server together on its database and starts it: the only place that knows every concrete class. */
export async function compose(foundation: Foundation): Promise<StartedApp> {
  const { options, lifecycle, clock, credentials, storage } = foundation;
  const { config, logger, version, environment } = options;
  const project = createProjectSource({ dir: config.projectDir, environment, clock, logger });
  await lifecycle.start(project);
  for (const name of ['REDIS_URL', 'NATS_URL'] as const)
    if (config[name] !== undefined)
      logger.warn(
        { setting: name },
        'this version does not use the setting; PostgreSQL connects its processes',
      );
  const ids = createIdGenerator(() => clock.now());
  const metrics = createMetrics({ version });
  const health = createHealthAggregator({ clock, version });
  const { spec: settings } = project.current.project;
  const allowPrivate = [...config.EGRESS_ALLOW_PRIVATE, ...settings.egress.allow];
  const modelEgress = createEgressClient({ allowPrivate: [...modelServerHosts(config), ...allowPrivate] });
  lifecycle.onStop('model-egress', () => modelEgress.close());

  const queue = new PgBossQueue({ storage, clock, logger });
  const models = createModels({
    config,
    environment,
    egress: modelEgress,
    clock,
    metrics,
    logger,
    settings: settings.models,
    ...(options.providers === undefined ? {} : { providers: options.providers }),
  });
  const tools = createToolRegistry({ logger });
  const builtin = createBuiltinTools({ clock, createEgress: createEgressClient, allowPrivate });
  for (const tool of [...builtin, ...(options.tools ?? [])]) tools.register(tool);
  await loadProjectTools({ projectDir: config.projectDir, tools, logger });
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
      ...options.runSettings,
    },
    ...(options.failpoint === undefined ? {} : { failpoint: options.failpoint }),
  });

  const apiKeys = createApiKeyStore({ storage, clock, ids });
  const authenticator = createAuthenticator({
    keys: apiKeys,
    jwtSecret: credentials.jwtSecret,
    algorithm: config.JWT_ALGORITHM,
    expireMinutes: config.JWT_EXPIRE_MINUTES,
    clock,
  });

  const eventLoop = new EventLoopCheck();
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

  // Everything is there, and nothing has touched the database yet.
  await Promise.all([foundation.opened, http.prepare(), writeSchemas(path.join(config.homeDir, 'schemas'))]);
  await Promise.all([lifecycle.start(queue), lifecycle.start(models)]);
  await lifecycle.start(runs);
  await apiKeys.ensureAdminKey(systemScope, credentials.adminKey);
  await lifecycle.start(eventLoop);
  await lifecycle.start(http);
  await lifecycle.start(channels);
  await channels.apply(project.current.channels.map((one) => one.definition));
  project.onChange((changed) => {
    channels.apply(changed.channels.map((one) => one.definition)).catch((error: unknown) => {
      logger.error({ error }, 'channels could not be changed');
    });
  });
  await credentials.announce(http.url);

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
