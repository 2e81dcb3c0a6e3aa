import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { silentLogger, systemClock, type Json } from '../src/base/index.ts';
import { createExpressions } from '../src/engine/expressions/index.ts';
import { runInMemory } from '../src/engine/runs/index.ts';
import {
  createActionRegistry,
  createWorkflowExecutor,
  defineStepAction,
  type WorkflowExecutor,
} from '../src/engine/workflows/index.ts';
import { workflowDefinition } from '../src/protocol/index.ts';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import { median, type Figure } from './report.ts';
import { openPostgresBench, type RunBench } from './run-bench.ts';

const steps = 10;
const rounds = 5;

/** Cost of one workflow, in milliseconds. */
interface Cost {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** Ten instant steps, each of which takes what the one before it came to: what the peers do too. */
const definition = workflowDefinition.parse({
  apiVersion: 'agent33/v1',
  kind: 'Workflow',
  metadata: { name: 'bench' },
  spec: {
    steps: Array.from({ length: steps }, (_, index) => ({
      id: `s${index}`,
      action: 'increment',
      inputs: { n: index === 0 ? 0 : `{{ steps.s${index - 1}.output.n }}` },
    })),
  },
}) as unknown as Json;

async function createBenchExecutor(): Promise<WorkflowExecutor> {
  const increment = defineStepAction({
    name: 'increment',
    description: 'Adds one.',
    inputs: z.strictObject({ n: z.int() }),
    output: z.object({ n: z.int() }),
    kind: 'compute',
    effect: 'none',
    run: ({ inputs }) => Promise.resolve({ n: inputs.n + 1 }),
  });
  return createWorkflowExecutor({
    workflows: { get: () => Promise.reject(new Error('not here')) },
    actions: createActionRegistry([increment]),
    expressions: await createExpressions(),
    clock: systemClock,
    faults: () => Promise.resolve([]),
  });
}

async function measureRounds(count: number, once: () => Promise<void>): Promise<Cost> {
  for (let index = 0; index < count; index += 1) await once();
  const costs: Cost[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const cpu = process.cpuUsage();
    const begun = performance.now();
    for (let index = 0; index < count; index += 1) await once();
    const used = process.cpuUsage(cpu);
    costs.push({
      cpuMs: (used.user + used.system) / 1000 / count,
      wallMs: (performance.now() - begun) / count,
    });
  }
  return {
    cpuMs: median(costs.map((cost) => cost.cpuMs)),
    wallMs: median(costs.map((cost) => cost.wallMs)),
  };
}

async function inMemory(executor: WorkflowExecutor): Promise<Cost> {
  return measureRounds(200, async () => {
    const { status, error } = await runInMemory({
      executors: { workflow: executor },
      target: { kind: 'workflow', name: 'bench' },
      definition,
      input: {},
      logger: silentLogger,
    });
    if (status !== 'completed') throw new Error(`the workflow ended as ${status}: ${error?.message}`);
  });
}

async function checkpointed(executor: WorkflowExecutor, bench: RunBench): Promise<Cost> {
  return measureRounds(20, async () => {
    const runId = await bench.submit((context) => executor.execute(definition, context));
    await bench.ended(runId);
  });
}

/** The same in a peer, in a process of its own; `undefined` where it is not installed. */
async function inPeer(peer: string, url?: string): Promise<Cost | undefined> {
  const folder = path.join(import.meta.dirname, 'peers');
  if (!existsSync(path.join(folder, 'node_modules/@mastra/core'))) return undefined;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['workflow.mjs', peer, ...(url === undefined ? [] : [url])],
    { cwd: folder, timeout: 120_000 },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Cost;
}

async function inPeerOnPostgres(peer: string): Promise<Cost | undefined> {
  const database = await createTestDatabase();
  try {
    return await inPeer(peer, database.url);
  } finally {
    await database.drop();
  }
}

function against(name: string, ours: number, theirs: number | undefined, goal: string, most: number): Figure {
  if (theirs === undefined) return { name, value: '–', goal, met: undefined };
  const ratio = ours / theirs;
  return { name, value: `${ratio.toFixed(2)}× (${theirs.toFixed(2)} ms)`, goal, met: ratio <= most };
}

/** A workflow of ten instant steps: in memory and on PostgreSQL, beside Mastra, LangGraph and DBOS. */
export async function measureWorkflow(): Promise<readonly Figure[]> {
  const executor = await createBenchExecutor();
  const memory = await inMemory(executor);
  const what = 'workflow of 10 instant steps';
  const figures: Figure[] = [
    {
      name: `${what} in memory, CPU`,
      value: `${memory.cpuMs.toFixed(2)} ms`,
      goal: '≤ 0.3 ms',
      met: memory.cpuMs <= 0.3,
    },
    against('same, against Mastra', memory.cpuMs, (await inPeer('mastra'))?.cpuMs, '< 1×', 1),
    against('same, against LangGraph', memory.cpuMs, (await inPeer('langgraph'))?.cpuMs, '< 1×', 1),
  ];
  if (!(await postgresAvailable())) return figures;
  await using bench = await openPostgresBench();
  const stored = await checkpointed(executor, bench);
  const langgraph = await inPeerOnPostgres('langgraph-postgres');
  const dbos = await inPeerOnPostgres('dbos');
  const perSecond = dbos === undefined ? undefined : dbos.wallMs / stored.wallMs;
  return [
    ...figures,
    against(
      `${what}, journaled on PostgreSQL, CPU against LangGraph with its PostgreSQL checkpointer`,
      stored.cpuMs,
      langgraph?.cpuMs,
      '≤ 0.5×',
      0.5,
    ),
    {
      name: 'same, steps/s against DBOS',
      value:
        perSecond === undefined
          ? '–'
          : `${perSecond.toFixed(2)}× (${Math.round((steps * 1000) / stored.wallMs)} steps/s)`,
      goal: '≥ 3×',
      met: perSecond === undefined ? undefined : perSecond >= 3,
    },
  ];
}
