import path from 'node:path';
import { writeSchemas } from '../engine/definitions/index.ts';
import { createWorkerList, defaultRunEngineSettings, SqlRunStore } from '../engine/runs/index.ts';
import { createChannelDesk } from '../entrypoints/channels/index.ts';
import { createHttpServer, SqlResponseStore } from '../entrypoints/http/index.ts';
import { createAuthenticator } from '../platform/security/index.ts';
import { systemScope, type Scope } from '../protocol/index.ts';
import type { StartedApp } from './app-options.ts';
import { channelRoutes } from './channel-routes.ts';
import { compose, startChannels, startEngine, startIntake, type Foundation } from './compose.ts';
import { openLocalModels } from './open-local-models.ts';
import { createWorkflowTools } from './workflow-tools.ts';

/** Puts a server together and starts it. */
export async function startServer(foundation: Foundation): Promise<StartedApp> {
  const parts = await compose(foundation, 'server');
  const { options, lifecycle, clock, credentials, storage, config, ids, models, agents, runs } = parts;
  const { apiKeys, usage, limits } = parts.modelSide.accounting;
  const { leaseMs } = { ...defaultRunEngineSettings, ...options.runSettings };
  const responses = new SqlResponseStore({
    storage,
    clock,
    logger: options.logger,
    retentionMs: parts.project.current.project.spec.runs.retention,
  });
  const localModels = openLocalModels(config);
  lifecycle.onStop('local-models', () => localModels.close());
  // Without an address of its own an Ollama is only there when the router has found it.
  const hasOllama = (): boolean =>
    config.OLLAMA_BASE_URL !== undefined ||
    models.router.status().providers.some(({ name, status }) => name === 'ollama' && status === 'ok');
  const http = createHttpServer({
    config,
    runs,
    runStore: new SqlRunStore(storage, parts.blobs),
    files: parts.files,
    approvals: runs.approvals,
    runHistory: parts.runHistory,
    agents,
    teams: parts.teams,
    workflows: parts.workflows,
    automation: parts.automation,
    channels: createChannelDesk({ hub: parts.channels, storage, queue: parts.queue, clock }),
    router: parts.router,
    workflowTools: createWorkflowTools(parts.catalogue, parts.workflowFaults),
    definitionWarnings: parts.definitionWarnings,
    runGraphs: { workflow: parts.catalogue.graphs.ofRun },
    workers: createWorkerList({ storage, leaseMs }),
    apiKeys,
    usage,
    limits,
    authenticator: createAuthenticator({
      keys: apiKeys,
      jwtSecret: credentials.jwtSecret,
      algorithm: config.JWT_ALGORITHM,
      expireMinutes: config.JWT_EXPIRE_MINUTES,
      clock,
    }),
    models: models.router,
    gateway: models.gateway,
    backgroundModel: () => parts.project.current.project.spec.models.background,
    responses,
    localModels: () => (hasOllama() ? localModels : undefined),
    health: parts.health,
    metrics: parts.metrics,
    logger: options.logger,
    clock,
    ids,
    version: options.version,
    extraRoutes: [channelRoutes(parts.channels)],
  });

  // Everything is there, and nothing has touched the database yet.
  await Promise.all([foundation.opened, http.prepare(), writeSchemas(path.join(config.homeDir, 'schemas'))]);
  await startEngine(parts);
  await apiKeys.ensureAdminKey(systemScope, credentials.adminKey);
  await lifecycle.start(responses);
  await lifecycle.start(http);
  await startChannels(parts);
  await startIntake(parts);
  await credentials.announce(http.url);

  const status = models.router.status();
  const names = async (store: {
    list(scope: Scope): Promise<readonly { definition: { metadata: { name: string } } }[]>;
  }): Promise<readonly string[]> =>
    (await store.list(systemScope)).map(({ definition }) => definition.metadata.name);
  const [agentNames, teamNames, workflowNames, scheduleNames] = await Promise.all([
    names(agents),
    names(parts.teams),
    names(parts.workflows),
    names(parts.automation.schedules.store),
  ]);
  return {
    url: http.url,
    newApiKey: credentials.adminKey.isNew ? credentials.adminKey.key : undefined,
    apiKey: credentials.adminKey.key,
    model: status.defaultModel,
    offline: status.offline,
    agents: agentNames,
    teams: teamNames,
    workflows: workflowNames,
    schedules: scheduleNames,
  };
}
