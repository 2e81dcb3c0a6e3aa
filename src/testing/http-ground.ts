import { AppError, type Clock } from '../base/index.ts';
import { createLimitDesk } from '../capabilities/accounting/index.ts';
import type {
  Deployment,
  ModelEvent,
  ModelInfo,
  ModelList,
  ModelRequest,
} from '../capabilities/models/index.ts';
import { createEventRouter } from '../engine/routing/index.ts';
import type { StoredAgent } from '../engine/agents/index.ts';
import type { RunStore, RunView, SessionView } from '../engine/runs/index.ts';
import { buildApp } from '../entrypoints/http/build-app.ts';
import type { HttpServerDeps } from '../entrypoints/http/index.ts';
import { createHealthAggregator, createMetrics } from '../platform/observability/index.ts';
import type { ApiKeyStore, Authenticator } from '../platform/security/index.ts';
import { agentDefinition, noUsage, type PermissionScope } from '../protocol/index.ts';
import { FakeApprovals } from './fake-approvals.ts';
import { FakeAutomation } from './fake-automation.ts';
import { FakeChannels } from './fake-channels.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeDefinitions, fakeWorkflowTools } from './fake-definitions.ts';
import { FakeGateway } from './fake-gateway.ts';
import { createFakeIds } from './fake-ids.ts';
import { createFakeLedgerUse, FakeStoredLimits } from './fake-limits.ts';
import { FakeRunHistory } from './fake-run-history.ts';
import { fakeRunFiles } from './fake-run-files.ts';
import { FakeRuns } from './fake-runs.ts';
import { FakeUsage } from './fake-usage.ts';
import { fakeWorker } from './fake-worker.ts';
import { createMemoryLogger } from './memory-logger.ts';
import { MemoryResponseStore } from './memory-response-store.ts';

const startOf2026 = '2026-01-01T00:00:00.000Z';

/** An agent as a store holds it. */
export function storedAgent(name: string, more: { labels?: object; spec?: object } = {}): StoredAgent {
  return {
    definition: agentDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Agent',
      metadata: { name, labels: more.labels ?? {} },
      spec: { description: `is ${name}`, ...more.spec },
    }),
    hash: `hash-${name}`,
    origin: { kind: 'api', version: 1 },
    updatedAt: startOf2026,
  };
}

/** Credentials of tests: `key-admin` may do everything, `key-<permission>,<permission>` just that, `key-none` nothing. */
const fakeAuthenticator: Authenticator = {
  authenticate: (credential) => {
    if (!credential.startsWith('key-')) {
      return Promise.reject(new AppError('unauthenticated', 'valid credentials are needed'));
    }
    const named = credential.slice(4);
    const scopes = (named === 'none' ? [] : named.split(',')) as PermissionScope[];
    return Promise.resolve({ tenant: 'default', principal: `key:${named}`, scopes });
  },
  issueToken: async (key, { scopes, expiresInMinutes = 60 }) => {
    const held = await fakeAuthenticator.authenticate(key);
    return {
      token: `token-of-${key}`,
      expiresAt: new Date(Date.parse(startOf2026) + expiresInMinutes * 60_000).toISOString(),
      scopes: scopes ?? held.scopes,
    };
  },
};

function createFakeKeys(): ApiKeyStore {
  const view = {
    id: 'key_1',
    name: 'bot',
    hint: 'a33_abc…',
    createdAt: startOf2026,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    team: null,
    user: null,
    tags: [],
    models: null,
  };
  return {
    create: (_scope, { name, scopes, attributes }) =>
      Promise.resolve({ ...view, ...attributes, name, scopes, key: 'a33_new' }),
    list: () => Promise.resolve([{ ...view, scopes: ['agents:read'] }]),
    revoke: (_scope, id) =>
      id === 'key_1'
        ? Promise.resolve()
        : Promise.reject(new AppError('not_found', `there is no API key "${id}"`)),
    attributes: () => Promise.resolve(undefined),
  };
}

class FakeAgents extends FakeDefinitions<'Agent'> {
  constructor() {
    super('Agent');
  }

  async defaultName() {
    const [first] = this.all.keys();
    if (first === undefined) throw new AppError('not_found', 'there is no agent');
    return first;
  }
}

function createFakeRunStore(): RunStore {
  const run: RunView = {
    id: 'run_1',
    target: { kind: 'agent', name: 'helper' },
    status: 'completed',
    sessionId: 'ses_1',
    parentRunId: null,
    parentStepKey: null,
    rootRunId: 'run_1',
    source: 'http',
    principal: 'key:1',
    attempts: 1,
    usage: noUsage,
    error: null,
    waitingFor: [],
    createdAt: startOf2026,
    startedAt: startOf2026,
    endedAt: startOf2026,
    metadata: {},
    forkedFrom: null,
    forkedAtStep: null,
    effects: 'on',
  };
  const child: RunView = {
    ...run,
    id: 'run_2',
    target: { kind: 'agent', name: 'other' },
    status: 'running',
    parentRunId: 'run_1',
    parentStepKey: 'tool:1:0',
    createdAt: '2026-01-01T00:00:02.000Z',
    startedAt: '2026-01-01T00:00:02.000Z',
    endedAt: null,
  };
  const session: SessionView = {
    id: 'ses_1',
    key: 'http:key:1:mine',
    agent: 'helper',
    source: 'http',
    title: 'hello',
    messageCount: 2,
    createdAt: startOf2026,
    updatedAt: startOf2026,
  };
  const known = <T>(id: string, value: T): Promise<T> =>
    /^(run|ses)_\d$/.test(id)
      ? Promise.resolve(value)
      : Promise.reject(new AppError('not_found', `there is no "${id}"`));
  return {
    list: (_scope, { limit, cursor }) =>
      Promise.resolve({ items: [run].slice(0, limit), next: cursor ?? null }),
    get: (_scope, id) => known(id, { ...run, id, input: { message: 'hello' }, output: { text: 'hi' } }),
    definition: (_scope, id) => known(id, null),
    progress: (_scope, id) =>
      known(id, [
        {
          key: 'model:1',
          kind: 'model' as const,
          name: 'fast',
          status: 'completed' as const,
          attempts: 1,
          error: null,
          startedAt: startOf2026,
          endedAt: '2026-01-01T00:00:01.500Z',
        },
      ]),
    children: (_scope, id) => known(id, [child]),
    tree: (_scope, id) => known(id, { runs: [run, child], truncated: false }),
    steps: (_scope, id, options = {}) =>
      known(id, [
        {
          key: 'model:1',
          kind: 'model' as const,
          status: 'completed' as const,
          attempts: 1,
          output: options.full === true ? 'all of it' : { $blob: 'runs/run_1/x-1', bytes: 70_000 },
          error: null,
          usage: noUsage,
          startedAt: startOf2026,
          endedAt: '2026-01-01T00:00:01.500Z',
        },
      ]),
    listSessions: () => Promise.resolve({ items: [session], next: null }),
    getSession: (_scope, id) => known(id, session),
    messages: (_scope, id) =>
      known(id, {
        items: [
          {
            id: 'msg_1',
            sequence: 1,
            runId: 'run_1',
            message: { role: 'user' as const, content: 'hello' },
            createdAt: startOf2026,
          },
        ],
        next: null,
      }),
    deleteSession: (_scope, id) => known(id, undefined),
  };
}

/** A router of two models: `fake/fast` streams what the test says, `offline/assistant` is the offline one. */
class FakeModels {
  offline = false;
  parts: readonly ModelEvent[] = [
    { type: 'text-delta', text: 'hi' },
    { type: 'finish', finishReason: 'stop', usage: noUsage, model: 'fast' },
  ];
  infos: readonly ModelInfo[] = [{ id: 'fast', provider: 'fake' }];
  readonly requests: Omit<ModelRequest, 'model'>[] = [];
  lists = 0;

  resolve = (reference?: { name?: string | undefined }) => {
    const name = reference?.name ?? (this.offline ? 'offline/assistant' : 'fake/fast');
    if (name !== 'fake/fast' && name !== 'offline/assistant') {
      throw new AppError('not_found', `There is no model "${name}".`);
    }
    return { provider: {} as never, model: name.split('/')[1] ?? '', id: name };
  };

  async *stream(
    _reference: unknown,
    request: Omit<ModelRequest, 'model'>,
    { signal }: { signal: AbortSignal },
  ): AsyncGenerator<ModelEvent> {
    this.requests.push(request);
    for (const part of this.parts) {
      signal.throwIfAborted();
      yield await Promise.resolve(part);
    }
  }

  async complete(reference: unknown, request: Omit<ModelRequest, 'model'>, options: { signal: AbortSignal }) {
    let text = '';
    for await (const part of this.stream(reference, request, options)) {
      if (part.type === 'text-delta') text += part.text;
      if (part.type === 'error') throw part.error;
      if (part.type === 'finish') return { text, toolCalls: [], ...part };
    }
    throw new AppError('upstream_error', 'no end');
  }

  listModels = () => {
    this.lists += 1;
    return Promise.resolve(this.infos);
  };

  readonly groups = new Map<string, readonly Deployment[]>();
  readonly aliases = new Map<string, string>();
  list = (): ModelList => ({
    groups: this.groups,
    aliases: this.aliases,
    deployments: new Map(),
    settings: {} as never,
    notes: [],
  });

  status = () => ({
    defaultModel: this.offline ? 'offline/assistant' : 'fake/fast',
    offline: this.offline,
    providers: [],
  });
}

/** Everything an HTTP server stands on, in memory, with handles on it. */
export function createHttpGround(
  options: { config?: Partial<HttpServerDeps['config']>; clock?: Clock } = {},
) {
  const clock = options.clock ?? new FakeClock();
  const logger = createMemoryLogger();
  const runs = new FakeRuns();
  const runHistory = new FakeRunHistory();
  const approvals = new FakeApprovals();
  const automation = new FakeAutomation();
  const channels = new FakeChannels();
  const router = createEventRouter({ logger });
  const agents = new FakeAgents();
  const teams = new FakeDefinitions('Team');
  const workflows = new FakeDefinitions('Workflow');
  const models = new FakeModels();
  const usage = new FakeUsage();
  const storedLimits = new FakeStoredLimits();
  const apiKeys = createFakeKeys();
  const gateway = new FakeGateway(models);
  const health = createHealthAggregator({ clock, version: '1.2.3' });
  for (const name of ['helper', 'other']) agents.all.set(name, storedAgent(name));
  const deps: HttpServerDeps = {
    config: {
      API_HOST: '127.0.0.1',
      API_PORT: 0,
      API_ALLOWED_HOSTS: [],
      API_ALLOWED_ORIGINS: [],
      API_BODY_LIMIT_BYTES: 1_048_576,
      API_MODEL_BODY_LIMIT_BYTES: 1_048_576,
      API_WAIT_TIMEOUT_SECONDS: 300,
      ...options.config,
    },
    runs,
    runStore: createFakeRunStore(),
    files: fakeRunFiles,
    runHistory,
    approvals,
    automation,
    channels,
    router,
    agents,
    teams,
    workflows,
    workflowTools: fakeWorkflowTools,
    definitionWarnings: () => Promise.resolve([]),
    runGraphs: {},
    workers: { list: () => Promise.resolve([fakeWorker]) },
    apiKeys,
    usage,
    limits: createLimitDesk({
      stored: storedLimits,
      file: () => new Map([['key:*', { rpm: 600 }]]),
      ledger: createFakeLedgerUse(),
      keys: apiKeys,
    }),
    authenticator: fakeAuthenticator,
    models,
    gateway,
    responses: new MemoryResponseStore(),
    health,
    metrics: createMetrics({ version: '1.2.3', processMetrics: false }),
    logger,
    clock,
    ids: createFakeIds(),
    version: '1.2.3',
  };
  return {
    deps,
    clock,
    logger,
    runs,
    runHistory,
    approvals,
    automation,
    channels,
    router,
    agents,
    teams,
    workflows,
    models,
    usage,
    storedLimits,
    gateway,
    health,
  };
}

/** The HTTP application over such a ground, ready for `app.inject`. */
export async function openHttpGround(
  options: Parameters<typeof createHttpGround>[0] & Pick<HttpServerDeps, 'extraRoutes'> = {},
) {
  const ground = createHttpGround(options);
  const closing = new AbortController();
  const stopped = new AbortController();
  const app = await buildApp({
    ...ground.deps,
    ...(options.extraRoutes === undefined ? {} : { extraRoutes: options.extraRoutes }),
    lifetime: { closing: closing.signal, stopped: stopped.signal },
  });
  return { ...ground, app, closing, stopped };
}

/** Headers of a caller who may do everything. */
export const asAdmin = { 'x-api-key': 'key-admin' } as const;

/** The events of a server-sent stream; comments are left out. */
export function sseEvents(text: string): readonly { id?: string; event?: string; data: string }[] {
  return text
    .split('\n\n')
    .map((block) =>
      Object.fromEntries(
        block
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith(':'))
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      ),
    )
    .filter((event): event is { id?: string; event?: string; data: string } => 'data' in event);
}
