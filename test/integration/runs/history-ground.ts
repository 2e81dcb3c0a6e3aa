import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  AppError,
  createIdGenerator,
  silentLogger,
  systemClock,
  type Json,
  type JsonObject,
} from '../../../src/base/index.ts';
import {
  createToolGovernance,
  createToolRegistry,
  defineTool,
  ToolResult,
} from '../../../src/capabilities/tools/index.ts';
import {
  createAgentExecutor,
  createAgentRunner,
  createAgentStore,
  createTargetDirectory,
} from '../../../src/engine/agents/index.ts';
import { createDefinitionStore, type LoadedProject } from '../../../src/engine/definitions/index.ts';
import { createTeamExecutor } from '../../../src/engine/teams/index.ts';
import { inputsSchema } from '../../../src/engine/workflows/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  SqlRunHistory,
  SqlRunStore,
  type RunResult,
} from '../../../src/engine/runs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import {
  agentDefinition,
  projectDefinition,
  teamDefinition,
  type ApprovalDecision,
  type AgentRequest,
  type RunTarget,
  type Scope,
} from '../../../src/protocol/index.ts';
import { FakeModel } from '../../../src/testing/index.ts';
import type { TestBase } from './databases.ts';
import { ScriptedExecutor, type Script } from './scripted-executor.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

export const scope: Scope = { tenant: 'default', principal: 'key:tester', scopes: ['admin'] };
export const soon = (): AbortSignal => AbortSignal.timeout(30_000);

/** Workflows that are functions of the test; which step is behind which is told by their names. */
class ScriptedWorkflows extends ScriptedExecutor {
  /** Step → steps that depend on it. */
  readonly behind = new Map<string, readonly string[]>();
  /** Workflows that take `{fine: true}` only. */
  readonly refused = new Set<string>();

  accept(definition: Json, input: Json): void {
    if (!this.refused.has((definition as { name: string }).name)) return;
    if ((input as { fine?: boolean }).fine !== true)
      throw new AppError('invalid_request', 'inputs.fine: expected true');
  }

  isDownstream(_definition: Json, from: string, key: string): boolean {
    const direct = this.behind.get(from) ?? [];
    return direct.some((one) => one === key || this.isDownstream(_definition, one, key));
  }
}

/** An engine with agents on a scripted model, scripted workflows, and the history of its runs. */
export async function openHistoryGround(base: TestBase) {
  const { storage, queue } = base;
  const clock = systemClock;
  const ids = createIdGenerator(clock.now);
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const definitions: LoadedProject['definitions'][number][] = [];
  const project: LoadedProject = {
    project: projectDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Project',
      metadata: { name: 'test' },
    }),
    definitions,
    problems: [],
  };
  const stored = { storage, clock, project: () => project, startedAt: new Date(0).toISOString() };
  const agents = createAgentStore(stored);
  const teams = createDefinitionStore('Team', stored);
  const targets = createTargetDirectory({
    agents,
    teams,
    workflows: createDefinitionStore('Workflow', stored),
    workflowInputs: inputsSchema,
  });
  const blobs = new TableBlobStore({ storage, clock });
  const model = new FakeModel({ turns: [] });
  const calls: string[] = [];
  const tools = createToolRegistry({ logger: silentLogger });
  const effects: string[] = [];
  tools.register(
    defineTool({
      name: 'look',
      description: 'Looks something up.',
      parameters: z.looseObject({}),
      effect: 'none',
      execute: (parameters) => {
        calls.push('look');
        return Promise.resolve(ToolResult.ok(`seen ${JSON.stringify(parameters)}`));
      },
    }),
  );
  tools.register(
    defineTool({
      name: 'pay',
      description: 'Pays.',
      parameters: z.looseObject({}),
      effect: 'keyed',
      execute: (_parameters, context) => {
        calls.push('pay');
        effects.push(context.idempotencyKey);
        return Promise.resolve(ToolResult.ok('paid'));
      },
    }),
  );
  const workflows = new ScriptedWorkflows(60_000);
  const runner = createAgentRunner({
    models: {
      stream: (reference, request, call) =>
        model.stream({ ...request, model: reference?.name ?? 'default' }, call),
    },
    tools,
    governance: createToolGovernance({ clock, logger: silentLogger, metrics }),
    projectDir: '/nonexistent',
  });
  const executors = {
    agent: createAgentExecutor({ agents, targets, runner }),
    team: createTeamExecutor({ teams, agents, targets, runner }),
    workflow: workflows,
  };
  const engine = new RunEngine({
    storage,
    blobs,
    queue,
    clock,
    ids,
    logger: silentLogger,
    metrics,
    executors,
    settings: { ...defaultRunEngineSettings, drainMs: 200 },
  });
  await engine.start();
  const secrets: string[] = [];
  const history = new SqlRunHistory({
    storage,
    blobs,
    queue,
    clock,
    ids,
    logger: silentLogger,
    executors,
    runs: engine,
    onQueued: () => engine.wake(),
    cassettes: { version: 'test', secrets: () => secrets, redact: (text) => text },
  });
  const store = new SqlRunStore(storage);

  /** Defines an agent or changes it; returns its name. */
  function agent(spec: JsonObject, name = `agent-${randomUUID().slice(0, 8)}`): string {
    const definition = agentDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Agent',
      metadata: { name },
      spec,
    });
    const index = definitions.findIndex((one) => one.definition.metadata.name === name);
    if (index >= 0) definitions.splice(index, 1);
    definitions.push({ definition, path: `agents/${name}.yaml` });
    return name;
  }

  /** Defines a team. */
  function team(spec: JsonObject, name: string): void {
    const definition = teamDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Team',
      metadata: { name },
      spec,
    });
    definitions.push({ definition, path: `teams/${name}.yaml` });
  }

  /** Decides the one approval that a run waits for. */
  async function decide(runId: string, decision: ApprovalDecision): Promise<void> {
    const { items } = await engine.approvals.list(scope, { limit: 100, status: 'pending' });
    const asked = items.find((one) => one.runId === runId);
    if (asked === undefined) throw new Error(`run ${runId} asks for nothing`);
    await engine.approvals.decide(scope, asked.id, decision);
  }

  function workflow(
    script: Script,
    behind: Readonly<Record<string, readonly string[]>> = {},
    name = `workflow-${randomUUID().slice(0, 8)}`,
  ): string {
    workflows.scripts.set(name, script);
    for (const [step, steps] of Object.entries(behind)) workflows.behind.set(step, steps);
    return name;
  }

  async function submit(target: RunTarget, input: Json, more: Partial<AgentRequest> = {}): Promise<string> {
    const { runId } = await engine.submit(scope, agentRequest(target, { input, ...more }));
    return runId;
  }

  const ended = (runId: string) => engine.response(scope, runId, { signal: soon() });

  async function run(target: RunTarget, input: Json, more: Partial<AgentRequest> = {}): Promise<string> {
    const runId = await submit(target, input, more);
    await ended(runId);
    return runId;
  }

  async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const giveUpAt = clock.now() + 15_000;
    while (!(await isSo())) {
      if (clock.now() > giveUpAt) throw new Error(`waited in vain: ${what}`);
      await clock.sleep(20);
    }
  }

  const untilStatus = (runId: string, status: string): Promise<void> =>
    until(`${runId} is ${status}`, async () => (await store.get(scope, runId)).status === status);

  const untilWaitingFor = (runId: string, key: string): Promise<void> =>
    until(`${runId} waits for ${key}`, async () => {
      const { status, waitingFor } = await store.get(scope, runId);
      return status === 'waiting' && waitingFor.includes(key);
    });

  return {
    storage,
    blobs,
    engine,
    history,
    store,
    model,
    calls,
    effects,
    secrets,
    definitions,
    executors,
    agent,
    team,
    decide,
    refused: workflows.refused,
    workflow,
    submit,
    run,
    ended,
    untilStatus,
    untilWaitingFor,
    close: async () => {
      await engine.stop();
      await base.close();
    },
  };
}

export type HistoryGround = Awaited<ReturnType<typeof openHistoryGround>>;

export const answer = (output: Json): RunResult => ({
  output,
  text: typeof output === 'string' ? output : JSON.stringify(output),
  messages: [],
});
