import { createIdGenerator, type Clock, type HealthCheck } from '../base/index.ts';
import { FileStore } from '../capabilities/files/index.ts';
import { createToolGovernance } from '../capabilities/tools/index.ts';
import {
  createAgentExecutor,
  createAgentRunner,
  createAgentStore,
  createTargetDirectory,
} from '../engine/agents/index.ts';
import {
  createDefinitionStore,
  createProjectSource,
  definitionsOf,
  loadProjectSettings,
  type LoadedProject,
} from '../engine/definitions/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  type RunEngineDeps,
  SqlRunHistory,
} from '../engine/runs/index.ts';
import { createEventRouter } from '../engine/routing/index.ts';
import { createTeamExecutor } from '../engine/teams/index.ts';
import { createWorkflowExecutor, inputsSchema } from '../engine/workflows/index.ts';
import { createChannelHub } from '../entrypoints/channels/index.ts';
import { createStreamReplies } from '../entrypoints/streams/index.ts';
import { createBlobStore } from '../platform/blobs/index.ts';
import { createEgressClient } from '../platform/http-client/index.ts';
import {
  createHealthAggregator,
  createMetrics,
  createTracing,
  EventLoopCheck,
} from '../platform/observability/index.ts';
import { PgBossQueue } from '../platform/queue/index.ts';
import type { Credentials } from '../platform/security/index.ts';
import type { Storage } from '../platform/storage/index.ts';
import type { AppOptions } from './app-options.ts';
import type { Lifecycle } from './lifecycle.ts';
import { composeAutomation } from './compose-automation.ts';
import { composeBus } from './compose-bus.ts';
import { composeCatalogue } from './compose-catalogue.ts';
import { modelListHealth } from './model-list-health.ts';
import { composeModels } from './compose-models.ts';
import { announceOn, composeStreams, composeTeller, publishFrom } from './compose-streams.ts';
import { processRoles, type ProcessKind } from './process-roles.ts';
import { routingOf } from './routing-of.ts';
import { secretsOf } from './secrets-of.ts';
import { createDefinitionWarnings, createWorkflowFaults } from './workflow-faults.ts';

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

/** Everything that a process of either kind stands on. */
export type Composition = Awaited<ReturnType<typeof compose>>;

/** Puts the parts together that servers and workers share; nothing touches the database yet. */
export async function compose(foundation: Foundation, kind: ProcessKind) {
  const { options, lifecycle, clock, storage } = foundation;
  const { config, logger, version, environment } = options;
  const roles = processRoles(config, kind);
  const ids = createIdGenerator(() => clock.now());
  const metrics = createMetrics({ version });
  const health = createHealthAggregator({ clock, version });
  const tracing = await createTracing({ config, version, clock, logger, metrics });
  // Stopped after everything that makes spans.
  if (tracing !== undefined) lifecycle.onStop('tracing', () => tracing.stop());
  // Read first: what definitions are checked against depends on it.
  const { spec: settings } = await loadProjectSettings(config.projectDir, { environment });
  const allowPrivate = [...config.EGRESS_ALLOW_PRIVATE, ...settings.egress.allow];
  const queue = new PgBossQueue({ storage, clock, logger });
  const blobs = createBlobStore({ config, storage, clock });
  const files = new FileStore({ blobs, storage, clock, ids });
  const onEvent = publishFrom(() => automation);
  const busSide = composeBus({ config, clock, logger, events: settings.events, onEvent });
  const teller = composeTeller({ side: busSide, clock, logger, metrics });
  const governance = createToolGovernance({ clock, logger, metrics });
  const catalogue = await composeCatalogue({
    projectDir: config.projectDir,
    settings: () => project.current.project.spec,
    environment,
    allowPrivate,
    tools: options.tools ?? [],
    actions: options.actions ?? [],
    governance,
    files,
    events: {
      publish: async (scope, event) => (await automation.events.publish(scope, event)).delivered,
    },
    clock,
    logger,
    lifecycle,
  });
  const { tools, expressions, actions, checks } = catalogue;
  const project = createProjectSource({
    dir: config.projectDir,
    clock,
    logger,
    load: { environment, ...checks },
  });
  await lifecycle.start(project);
  const modelSide = composeModels({
    options,
    lifecycle,
    storage,
    clock,
    ids,
    metrics,
    health,
    tracing,
    settings: () => project.current.project.spec,
    allowPrivate,
  });
  const { models } = modelSide;
  await modelSide.apply(project.current);
  project.onChange((changed) => void modelSide.apply(changed));
  const definitions = {
    storage,
    clock,
    project: () => project.current,
    startedAt: new Date(clock.now()).toISOString(),
    checks: checks.checks,
  };
  const agents = createAgentStore(definitions);
  const teams = createDefinitionStore('Team', definitions);
  const workflows = createDefinitionStore('Workflow', definitions);
  const stores = { Agent: agents, Team: teams, Workflow: workflows };
  const workflowFaults = createWorkflowFaults({
    checks,
    stores,
    clock,
  });
  const targets = createTargetDirectory({ agents, teams, workflows, workflowInputs: inputsSchema });
  const runner = createAgentRunner({
    models: models.router,
    files,
    tools,
    governance,
    projectDir: config.projectDir,
  });
  const executors: RunEngineDeps['executors'] = {
    agent: createAgentExecutor({ agents, targets, runner }),
    team: createTeamExecutor({ teams, agents, targets, runner }),
    workflow: createWorkflowExecutor({ workflows, actions, expressions, clock, faults: workflowFaults }),
  };
  const runs: RunEngine = new RunEngine({
    storage,
    blobs,
    queue,
    clock,
    ids,
    logger,
    metrics,
    executors,
    settings: {
      ...defaultRunEngineSettings,
      execute: roles.includes('runs'),
      roles,
      version,
      concurrency: config.AGENT33_CONCURRENCY ?? settings.runs.concurrency,
      retentionMs: settings.runs.retention,
      ...options.runSettings,
    },
    onRunEvent: (event) => teller.tell(event),
    ...(options.failpoint === undefined ? {} : { failpoint: options.failpoint }),
  });

  const runHistory = new SqlRunHistory({
    storage,
    blobs,
    queue,
    clock,
    ids,
    logger,
    executors,
    runs,
    onQueued: () => runs.wake(),
    cassettes: {
      version,
      secrets: () => secretsOf(environment, project.current),
      redact: (text) => options.redactor?.redact(text) ?? text,
    },
  });
  const automation = composeAutomation({
    storage,
    runs,
    retrier: runHistory,
    queue,
    clock,
    ids,
    logger,
    metrics,
    definitions,
    expressions,
    projectDir: config.projectDir,
    retentionMs: settings.runs.retention,
    failpoint: options.failpoint,
  });
  project.onChange(() => automation.changed());

  const router = createEventRouter({ logger });
  router.apply(routingOf(project.current));
  project.onChange((changed) => router.apply(routingOf(changed)));

  const eventLoop = new EventLoopCheck();
  const channels = createChannelHub({
    runs,
    approvals: runs.approvals,
    events: automation.events,
    router,
    pairingSecret: foundation.credentials.encryptionKey,
    storage,
    queue,
    clock,
    ids,
    logger,
    metrics,
    createEgress: createEgressClient,
    allowPrivate,
    files,
    intake: kind === 'server',
    announce: (subject, payload) => announceOn(busSide.bus, logger, subject, payload),
    ...(busSide.streams === undefined ? {} : { streams: createStreamReplies(busSide.streams) }),
    deliver: roles.includes('deliveries'),
  });
  const healthChecks: HealthCheck[] = [
    {
      name: storage.kind === 'pglite' ? 'database' : 'postgres',
      critical: true,
      check: (signal) => storage.health(signal),
    },
    { name: 'queue', critical: true, check: (signal) => queue.health(signal) },
    { name: 'runs', critical: true, check: () => runs.health() },
    eventLoop,
    { name: 'usage', critical: false, check: () => Promise.resolve(modelSide.accounting.health()) },
    {
      name: 'model_list',
      critical: false,
      check: () => Promise.resolve(modelListHealth(project.current.problems, models.list.faults())),
    },
  ];
  const intake = composeStreams({
    side: busSide,
    runs,
    agents,
    storage,
    clock,
    ids,
    logger,
    metrics,
    onEvent,
  });
  healthChecks.push(...busSide.checks, ...(kind === 'server' ? intake.checks : []));
  for (const check of healthChecks) health.add(check);

  return {
    ...foundation,
    config,
    project,
    ids,
    metrics,
    health,
    queue,
    blobs,
    files,
    models,
    modelSide,
    agents,
    teams,
    workflows,
    catalogue,
    workflowFaults,
    definitionWarnings: createDefinitionWarnings({ checks, stores }),
    runs,
    automation,
    busSide,
    teller,
    intake: kind === 'server' ? intake.services : [],
    runHistory,
    channels,
    router,
    eventLoop,
    roles,
  };
}

/** Starts what works in every process, on an open database. */
export async function startEngine(parts: Composition): Promise<void> {
  const { lifecycle, queue, modelSide, runs, automation, eventLoop } = parts;
  await Promise.all([lifecycle.start(queue), modelSide.start(), startBus(parts)]);
  await lifecycle.start(runs);
  if (parts.roles.includes('automation'))
    for (const service of automation.services) await lifecycle.start(service);
  await lifecycle.start(eventLoop);
}

async function startBus({ lifecycle, busSide, teller }: Composition): Promise<void> {
  for (const service of [...busSide.services, teller]) await lifecycle.start(service);
}

/** Starts what takes in requests and events of other programs; last, when everything is there to work on them. */
export async function startIntake({ lifecycle, intake }: Composition): Promise<void> {
  for (const service of intake) await lifecycle.start(service);
}

/** Starts the channels and keeps them as the project says. */
export async function startChannels({ lifecycle, channels, project, options }: Composition): Promise<void> {
  await lifecycle.start(channels);
  const channelsOf = (loaded: LoadedProject) => definitionsOf(loaded, 'Channel').map((one) => one.definition);
  await channels.apply(channelsOf(project.current));
  project.onChange((changed) => {
    channels.apply(channelsOf(changed)).catch((error: unknown) => {
      options.logger.error({ error }, 'channels could not be changed');
    });
  });
}
