import { sql } from 'kysely';
import { expect } from 'vitest';
import { z } from 'zod';
import {
  AppError,
  createIdGenerator,
  didYouMean,
  silentLogger,
  systemClock,
  type Clock,
} from '../../../src/base/index.ts';
import type { ModelReference, ModelRouter } from '../../../src/capabilities/models/index.ts';
import {
  createToolGovernance,
  createToolRegistry,
  defineTool,
  ToolResult,
  type Tool,
} from '../../../src/capabilities/tools/index.ts';
import {
  createAgentExecutor,
  createAgentRunner,
  createTargetDirectory,
} from '../../../src/engine/agents/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  SqlRunStore,
  type RunEngineSettings,
  type RunExecutor,
} from '../../../src/engine/runs/index.ts';
import { createTeamExecutor } from '../../../src/engine/teams/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { inputsSchema } from '../../../src/engine/workflows/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { PgBossQueue, type Queue } from '../../../src/platform/queue/index.ts';
import { type Storage } from '../../../src/platform/storage/index.ts';
import {
  agentDefinition,
  teamDefinition,
  workflowDefinition,
  type AgentRequest,
  type AgentResponse,
  type ApprovalView,
  type Scope,
  type TeamOutput,
} from '../../../src/protocol/index.ts';
import { FakeModel, type FakeTurnSource } from '../../../src/testing/index.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

export const scope: Scope = { tenant: 'default', principal: 'key:requester', scopes: ['admin'] };
/** Somebody who decides. */
export const ada: Scope = {
  tenant: 'default',
  principal: 'key:ada',
  scopes: ['approvals:read', 'approvals:decide'],
};
export const soon = (): AbortSignal => AbortSignal.timeout(20_000);

const kinds = { agent: agentDefinition, team: teamDefinition, workflow: workflowDefinition };
type Kind = keyof typeof kinds;

/** A tool that notes what it is called with. */
export function notingTool(name: string, log: string[]): Tool {
  return defineTool({
    name,
    description: `Does ${name}.`,
    parameters: z.strictObject({ text: z.string() }),
    effect: 'keyed',
    execute: ({ text }) => {
      log.push(text);
      return Promise.resolve(ToolResult.ok(`${name}: ${text}`));
    },
  });
}

export function call(name: string, args: Record<string, string> = {}): FakeTurnSource {
  return { toolCalls: [{ name, arguments: args }] };
}
export function ask(...asked: readonly (readonly [name: string, message: string])[]): FakeTurnSource {
  return { toolCalls: asked.map(([name, message]) => ({ name: `ask_${name}`, arguments: { message } })) };
}

/** Engines with agents and teams on an embedded database; each agent has a model of its own name to script. */
export class TeamGround {
  readonly #definitions = new Map<string, unknown>();
  readonly #models = new Map<string, FakeModel>();
  readonly #engines: RunEngine[] = [];
  projectDir = '/nonexistent';
  readonly tools = createToolRegistry({ logger: silentLogger });
  readonly storage: Storage;
  readonly queue: Queue & { start(): Promise<void>; stop(): Promise<void> };
  readonly clock: Clock = systemClock;
  /** Called at the engine's failpoints. */
  failpoint: (name: string) => void = () => {};
  /** Stands in for the executor of workflows. */
  workflows: RunExecutor | undefined;
  #engine: RunEngine | undefined;
  #sequence = 0;

  constructor(storage?: Storage) {
    this.storage = storage ?? new MemoryStorage();
    this.queue = new PgBossQueue({ storage: this.storage, clock: systemClock, logger: silentLogger });
  }

  async start(): Promise<void> {
    await this.storage.start();
    await this.queue.start();
    this.#engine = await this.startEngine();
  }

  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.stop();
    await this.queue.stop();
    await this.storage.stop();
  }

  get engine(): RunEngine {
    if (this.#engine === undefined) throw new Error('not started');
    return this.#engine;
  }

  /** Stops the engine and starts another, as a restart of the process does. */
  async restart(): Promise<void> {
    await this.engine.stop();
    this.#engine = await this.startEngine();
  }

  async startEngine(settings: Partial<RunEngineSettings> = {}): Promise<RunEngine> {
    const store = <K extends Kind>(kind: K) => ({
      get: (_scope: Scope, name: string) => {
        const definition = this.#definitions.get(`${kind} ${name}`) as
          | z.output<(typeof kinds)[K]>
          | undefined;
        if (definition === undefined) {
          const names = [...this.#definitions.keys()].map((key) => key.split(' ')[1] ?? '');
          return Promise.reject(
            new AppError('not_found', `there is no ${kind} "${name}"${didYouMean(name, names)}`),
          );
        }
        return Promise.resolve({
          definition,
          hash: `${kind} ${name} ${JSON.stringify(definition)}`,
          origin: { kind: 'api' as const, version: 1 },
          updatedAt: '',
        });
      },
    });
    const [agents, teams, workflows] = [store('agent'), store('team'), store('workflow')];
    const targets = createTargetDirectory({
      agents,
      teams,
      workflows,
      workflowInputs: inputsSchema,
    });
    const metrics = createMetrics({ version: 'test', processMetrics: false });
    const runner = createAgentRunner({
      models: this.router,
      tools: this.tools,
      governance: createToolGovernance({ clock: systemClock, logger: silentLogger, metrics }),
      projectDir: this.projectDir,
    });
    const engine = new RunEngine({
      storage: this.storage,
      blobs: new TableBlobStore({ storage: this.storage, clock: this.clock }),
      queue: this.queue,
      clock: this.clock,
      ids: createIdGenerator(() => this.clock.now()),
      logger: silentLogger,
      metrics,
      executors: {
        agent: createAgentExecutor({ agents: agents as never, targets, runner }),
        team: createTeamExecutor({ teams, agents, targets, runner }),
        ...(this.workflows === undefined ? {} : { workflow: this.workflows }),
      },
      settings: { ...defaultRunEngineSettings, drainMs: 50, ...settings },
      failpoint: (name) => this.failpoint(name),
    });
    await engine.start();
    this.#engines.push(engine);
    return engine;
  }

  /** The model of an agent, by the name under which its definition has it. */
  model(name: string): FakeModel {
    const model = this.#models.get(name);
    if (model === undefined) throw new Error(`no model "${name}"`);
    return model;
  }

  router: Pick<ModelRouter, 'stream'> = {
    stream: (reference: ModelReference | undefined, request, options) => {
      const name = reference?.name ?? 'default';
      return this.model(name).stream({ ...request, model: name }, options);
    },
  };

  define(kind: Kind, name: string, spec: object): string {
    const definition = kinds[kind].parse({
      apiVersion: 'agent33/v1',
      kind: `${kind[0]?.toUpperCase()}${kind.slice(1)}`,
      metadata: { name },
      spec,
    });
    this.#definitions.set(`${kind} ${name}`, definition);
    return name;
  }

  forget(kind: Kind, name: string): void {
    this.#definitions.delete(`${kind} ${name}`);
  }

  script(name: string, turns: readonly FakeTurnSource[]): void {
    this.#models.set(name, new FakeModel({ turns, name }));
  }

  /** An agent that answers with these turns of its model. */
  agent(name: string, turns: readonly FakeTurnSource[], spec: object = {}): string {
    this.script(name, turns);
    return this.define('agent', name, { description: `The ${name}.`, model: name, ...spec });
  }

  /** Unique names, since all tests of a file share one database. */
  unique(name: string): string {
    this.#sequence += 1;
    return `${name}-${this.#sequence}`;
  }

  async submit(
    target: AgentRequest['target'],
    more: Partial<AgentRequest> & { input?: AgentRequest['input'] } = {},
  ): Promise<string> {
    const { runId } = await this.engine.submit(
      scope,
      agentRequest(target, { input: { message: 'go' }, ...more }),
    );
    return runId;
  }

  response(runId: string): Promise<AgentResponse> {
    return this.engine.response(scope, runId, { signal: soon() });
  }

  async run(
    kind: 'agent' | 'team',
    name: string,
    more: Partial<AgentRequest> = {},
  ): Promise<AgentResponse & { readonly result: TeamOutput }> {
    const response = await this.response(await this.submit({ kind, name }, more));
    return { ...response, result: response.output as unknown as TeamOutput };
  }

  async asked(runId: string, count = 1): Promise<readonly ApprovalView[]> {
    const look = async (): Promise<readonly ApprovalView[]> =>
      (await this.engine.approvals.list(scope, { runId, limit: 50 })).items.toReversed();
    await expect
      .poll(async () => (await look()).length, { timeout: 15_000, interval: 10 })
      .toBeGreaterThanOrEqual(count);
    return look();
  }

  async untilStatus(runId: string, status: string): Promise<void> {
    const store = new SqlRunStore(this.storage);
    await expect
      .poll(async () => (await store.get(scope, runId)).status, { timeout: 15_000, interval: 10 })
      .toBe(status);
  }

  /** Lets the queue try jobs again at once that it would keep back for a while after their execution ended. */
  async hurry(): Promise<void> {
    await expect
      .poll(
        async () => {
          const { rows } = await sql`
            update pgboss.job set start_after = now() where state = 'retry' and start_after > now()
            returning id`.execute(this.storage.db);
          return rows.length;
        },
        { timeout: 15_000, interval: 5 },
      )
      .toBeGreaterThan(0);
    // A new run makes the worker look for jobs.
    await this.run('agent', this.agent(this.unique('idle'), ['idle']));
  }

  async children(runId: string): Promise<readonly { target: string; status: string; key: string }[]> {
    const rows = await this.storage.db
      .selectFrom('runs')
      .select(['target_name', 'status', 'parent_step_key'])
      .where('parent_run_id', '=', runId)
      .orderBy('parent_step_key')
      .execute();
    return rows.map((row) => ({
      target: row.target_name,
      status: row.status,
      key: row.parent_step_key ?? '',
    }));
  }

  async stepKeys(runId: string): Promise<readonly string[]> {
    const rows = await this.storage.db
      .selectFrom('run_steps')
      .select('key')
      .where('run_id', '=', runId)
      .execute();
    return rows.map((row) => row.key).toSorted();
  }
}
