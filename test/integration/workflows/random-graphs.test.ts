import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError, silentLogger, systemClock, type Json } from '../../../src/base/index.ts';
import { createExpressions, type Expressions } from '../../../src/engine/expressions/index.ts';
import type { RunContext, RunExecutor } from '../../../src/engine/runs/index.ts';
import { createWait } from '../../../src/engine/workflows/actions/wait.ts';
import {
  compileWorkflow,
  createActionRegistry,
  executeWorkflow,
  type StepAction,
} from '../../../src/engine/workflows/index.ts';
import { PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import { workflowDefinition } from '../../../src/protocol/index.ts';
import { interpret, randomGraphOf, type RandomStep } from '../../../src/testing/random-workflow.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { MortalProcess } from '../runs/mortal-process.ts';
import { scope, soon } from '../runs/run-ground.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';

const graphs = Number(process.env['RANDOM_GRAPHS'] ?? 30);

const moments = [
  'run-claimed',
  'step-effect',
  'step-answered',
  'step-recorded',
  'step-failed',
  'suspend-before-commit',
  'end-begin',
  'end-before-commit',
  'end-after-commit',
] as const;

/** Where a process may die, and how often it comes by there before. */
const deaths = fc.array(
  fc.record({
    failpoint: fc.constantFrom(...moments, 'step-effect', 'step-answered', 'step-recorded'),
    after: fc.nat({ max: 8 }),
  }),
  { maxLength: 4 },
);

/** What a step is made of: a calculation whose record the run does not wait for, something outside, or a wait. */
type Nature = 'compute' | 'effect' | 'wait';

const drawnStep = fc.record({
  picks: fc.array(fc.nat(), { maxLength: 3 }),
  does: fc.constantFrom('succeed', 'succeed', 'succeed', 'fail', 'skip', 'fail-once' as const),
  after: fc.constantFrom('fail', 'continue', 'continue', 'goto' as const),
  goto: fc.nat(),
  nature: fc.constantFrom<Nature>('compute', 'compute', 'effect', 'wait'),
});
const randomWorkflow = fc.array(drawnStep, { minLength: 1, maxLength: 12 }).map((drawn) => ({
  graph: randomGraphOf(drawn),
  natures: drawn.map(({ nature, does }): Nature =>
    nature === 'wait' && does.startsWith('fail') ? 'effect' : nature,
  ),
}));

const idOf = (place: number): string => `s${place}`;

/** What the world outside saw of one run. */
interface Seen {
  /** Inputs of each effect, by idempotency key, as often as it was made. */
  readonly effects: Map<string, string[]>;
  /** Acts that began, by step, as often as they did. */
  readonly begun: Map<string, number>;
  readonly failedOnce: Set<string>;
}

/** Acts of a random graph; each result is another one whenever it is made again. */
function createAct(nature: Nature, seen: Seen, isDead: () => boolean): StepAction {
  return {
    name: nature,
    description: 'Does what the test says.',
    inputs: { type: 'object' },
    output: {},
    literal: [],
    mode: 'step',
    kind: nature === 'compute' ? 'compute' : 'action',
    effect: () => (nature === 'compute' ? 'none' : 'keyed'),
    run: async ({ inputs }, io): Promise<Json> => {
      if (isDead()) return new Promise<Json>(() => {});
      const id = String(inputs['id']);
      seen.begun.set(id, (seen.begun.get(id) ?? 0) + 1);
      if (nature === 'effect') {
        const inputsSeen = seen.effects.get(io.idempotencyKey) ?? [];
        inputsSeen.push(JSON.stringify(inputs));
        seen.effects.set(io.idempotencyKey, inputsSeen);
        await new Promise((resolve) => setImmediate(resolve));
      }
      io.signal.throwIfAborted();
      const failsNow = inputs['does'] === 'fail-once' && !seen.failedOnce.has(id);
      if (failsNow) seen.failedOnce.add(id);
      if (failsNow || inputs['does'] === 'fail') throw new AppError('upstream_error', `${id} failed`);
      return { id, nonce: randomUUID() };
    },
  };
}

interface Case {
  readonly graph: readonly RandomStep[];
  readonly natures: readonly Nature[];
  readonly width: number;
  readonly seen: Seen;
}

function execute(of: Case, expressions: Expressions, context: RunContext, isDead: () => boolean) {
  const { graph, natures, width, seen } = of;
  const definition = workflowDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Workflow',
    metadata: { name: 'random' },
    spec: {
      limits: { concurrency: width },
      steps: graph.map((step, place) => ({
        id: idOf(place),
        action: natures[place],
        inputs:
          natures[place] === 'wait'
            ? { duration: `${(place * 7) % 20}ms` }
            : {
                id: idOf(place),
                does: step.does,
                follows: step.follows.map((one) => `{{ steps.${idOf(one)}.output }}`),
              },
        dependsOn: step.follows.map(idOf),
        ...(step.does === 'skip' ? { when: 'false' } : {}),
        ...(step.does === 'fail-once' ? { retry: { attempts: 2, backoff: { initial: 0 } } } : {}),
        onError: typeof step.onError === 'number' ? { goto: idOf(step.onError) } : step.onError,
      })),
    },
  });
  const deps = {
    actions: createActionRegistry([
      createAct('compute', seen, isDead),
      createAct('effect', seen, isDead),
      createWait({ clock: systemClock }),
    ]),
    clock: systemClock,
    expressions,
  };
  const plan = {
    steps: new Map(graph.map((step, place) => [idOf(place), { dependencies: step.follows.map(idOf) }])),
    order: graph.map((_, place) => idOf(place)),
  };
  return executeWorkflow(compileWorkflow(definition, plan, deps), {}, deps, context);
}

interface Death {
  readonly failpoint: string;
  readonly after: number;
}

/** What the runs leave: each comes to its end by processes that die one after the other as planned. */
async function untilEnded(storage: Storage, expressions: Expressions, of: Case, planned: readonly Death[]) {
  let runId: string | undefined;
  for (let deaths = 0; ; deaths += 1) {
    const death = planned[deaths];
    let passed = 0;
    const executor: RunExecutor = {
      snapshot: (_scope, name) => Promise.resolve({ hash: name, definition: { name }, timeoutMs: 60_000 }),
      execute: (_definition, context) => execute(of, expressions, context, () => mortal.isDead),
    };
    const dies = (failpoint: string): boolean => {
      if (failpoint !== death?.failpoint) return false;
      passed += 1;
      return passed > death.after;
    };
    const mortal = new MortalProcess({ storage, executor, dies });
    try {
      const before = new Map(of.seen.begun);
      const recorded = runId === undefined ? [] : await recordsOf(storage, runId);
      await mortal.start();
      if (runId === undefined) {
        const submitted = await mortal.engine.submit(scope, agentRequest(`random-${randomUUID()}`));
        runId = submitted.runId;
      }
      const answered = mortal.engine.response(scope, runId, { signal: soon() });
      answered.catch(() => {});
      const response = await Promise.race([answered, mortal.died.then(() => undefined)]);
      for (const { key, status } of recorded) {
        if (status !== 'completed') continue;
        const id = key.replace(/:try:2$/, '');
        expect(of.seen.begun.get(id), `${key} was recorded`).toBe(before.get(id));
      }
      if (response !== undefined) return { response, runId, died: deaths > 0 };
    } finally {
      await mortal.bury();
    }
  }
}

const recordsOf = (storage: Storage, runId: string) =>
  storage.db.selectFrom('run_steps').select(['key', 'status']).where('run_id', '=', runId).execute();

async function expectAsInterpreted(
  storage: Storage,
  of: Case,
  ended: Awaited<ReturnType<typeof untilEnded>>,
) {
  const { response, runId } = ended;
  const expected = interpret(of.graph);
  const records = await recordsOf(storage, runId);
  const failed = records.flatMap(({ key, status }) =>
    status === 'failed' ? [key.replace(/:try:2$/, '')] : [],
  );
  const fatal = of.graph.flatMap((step, place) =>
    step.onError === 'fail' && expected[place] === 'failed' ? [place] : [],
  );
  if (fatal.length === 0) {
    expect({ status: response.status, error: response.error }).toEqual({ status: 'completed', error: null });
    const completed = records.flatMap(({ key, status }) =>
      status === 'completed' ? [key.replace(/:try:2$/, '')] : [],
    );
    const done = expected.flatMap((status, place) => (status === 'completed' ? [idOf(place)] : []));
    expect(completed.toSorted()).toEqual(done.toSorted());
  } else {
    expect(response.error).toMatchObject({ code: 'upstream_error' });
    const first = fatal.find((place) => failed.includes(idOf(place)));
    expect(response.error?.details?.['step']).toBe(idOf(first ?? -1));
  }
  // What an effect was made with is the same whenever it was made: what it follows from had been recorded.
  for (const [key, inputs] of of.seen.effects)
    expect(new Set(inputs).size, `${key}: ${inputs.join()}`).toBe(1);
}

const base = { clock: systemClock, logger: silentLogger, migrate: true };
const hasPostgres = await postgresAvailable();

describe.each(['embedded', 'PostgreSQL'] as const)('random graphs on the %s database', (kind) => {
  describe.skipIf(kind === 'PostgreSQL' && !hasPostgres)('whose processes die', () => {
    let storage: Storage;
    let expressions: Expressions;
    let drop = (): Promise<void> => Promise.resolve();
    beforeAll(async () => {
      expressions = await createExpressions();
      if (kind === 'PostgreSQL') {
        const database = await createTestDatabase();
        ({ drop } = database);
        storage = new PostgresStorage({ ...base, url: database.url, poolSize: 5 });
      } else storage = new MemoryStorage();
      await storage.start();
    });
    afterAll(async () => {
      await storage.stop();
      await drop();
    });

    it('a chain of calculations with effects comes to the same wherever its process dies', async () => {
      const natures: readonly Nature[] = [
        'compute',
        'compute',
        'compute',
        'effect',
        'compute',
        'wait',
        'effect',
      ];
      const graph = natures.map((_nature, place): RandomStep => ({
        follows: place === 0 ? [] : [place - 1],
        does: 'succeed',
        onError: 'fail',
      }));
      for (const failpoint of moments) {
        for (let after = 0; after < natures.length; after += 1) {
          const seen: Seen = { effects: new Map(), begun: new Map(), failedOnce: new Set() };
          const of = { graph, natures, width: 2, seen };
          const ended = await untilEnded(storage, expressions, of, [{ failpoint, after }]);
          await expectAsInterpreted(storage, of, ended);
          if (!ended.died) break;
        }
      }
    });

    it(
      `end as the interpreter says, with no record made twice and no effect with other inputs (${graphs} graphs)`,
      { timeout: 60_000 + graphs * 15_000 },
      async () => {
        await fc.assert(
          fc.asyncProperty(
            randomWorkflow,
            deaths,
            fc.integer({ min: 1, max: 5 }),
            async ({ graph, natures }, planned, width) => {
              const seen: Seen = { effects: new Map(), begun: new Map(), failedOnce: new Set() };
              const of = { graph, natures, width, seen };
              await expectAsInterpreted(storage, of, await untilEnded(storage, expressions, of, planned));
            },
          ),
          // What fails once may not fail again: time is part of it. The graph is told as it was drawn.
          { numRuns: graphs, endOnFailure: true },
        );
      },
    );
  });
});
