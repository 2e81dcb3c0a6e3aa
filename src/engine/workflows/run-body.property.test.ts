import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError, systemClock, type JsonObject } from '../../base/index.ts';
import { workflowDefinition } from '../../protocol/index.ts';
import { MemoryRun, type CrashMoment } from '../../testing/memory-run-context.ts';
import { interpret, randomGraphOf, type RandomStep } from '../../testing/random-workflow.ts';
import { RunInterruption } from '../runs/index.ts';
import { createActionRegistry } from './action-registry.ts';
import { Execution } from './execution.ts';
import { executeWorkflow } from './execute-workflow.ts';
import { compileWorkflow, type Program } from './program.ts';
import { runBody } from './run-body.ts';
import type { Frame } from './run-values.ts';
import { Slots } from './slots.ts';
import { StopScope } from './stop-scope.ts';
import type { StepAction } from './workflow-action.ts';
import type { ExecutionDeps } from './workflow-deps.ts';
import { noWrites } from './writes.ts';

const idOf = (place: number): string => `s${place}`;

const randomGraph = fc
  .array(
    fc.record({
      picks: fc.array(fc.nat(), { maxLength: 3 }),
      does: fc.constantFrom('succeed', 'succeed', 'succeed', 'fail', 'skip', 'fail-once' as const),
      after: fc.constantFrom('fail', 'continue', 'continue', 'goto' as const),
      goto: fc.nat(),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map(randomGraphOf);

const crashes = fc.array(
  fc.record({
    step: fc.nat({ max: 30 }),
    moment: fc.constantFrom<CrashMoment>('before', 'effect', 'recorded'),
  }),
  { maxLength: 4 },
);

function actOf(run: () => MemoryRun): StepAction {
  return {
    name: 'act',
    description: 'Does what the test says.',
    inputs: { type: 'object' },
    output: {},
    literal: [],
    mode: 'step',
    kind: 'action',
    effect: () => 'none',
    run: async ({ inputs }, io) => {
      const id = String(inputs['id']);
      for (let turns = Number(inputs['turns']); turns > 0; turns -= 1) await Promise.resolve();
      io.signal.throwIfAborted();
      const failedBefore = run().steps.has(id);
      if (inputs['does'] === 'fail' || (inputs['does'] === 'fail-once' && !failedBefore))
        throw new AppError('upstream_error', `${id} failed`);
      return { id };
    },
  };
}

function programOf(graph: readonly RandomStep[], run: () => MemoryRun, width: number) {
  const definition = workflowDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Workflow',
    metadata: { name: 'random' },
    spec: {
      limits: { concurrency: width },
      steps: graph.map((step, place) => ({
        id: idOf(place),
        action: 'act',
        inputs: { id: idOf(place), does: step.does, turns: (place * 7) % 5 },
        dependsOn: step.follows.map(idOf),
        ...(step.does === 'skip' ? { when: false } : {}),
        ...(step.does === 'fail-once' ? { retry: { attempts: 2, backoff: { initial: 0 } } } : {}),
        onError: typeof step.onError === 'number' ? { goto: idOf(step.onError) } : step.onError,
      })),
    },
  });
  const deps: ExecutionDeps = {
    actions: createActionRegistry([actOf(run)]),
    clock: systemClock,
    expressions: {
      evaluate: (template) => template,
      condition: (text) => text === true,
      references: () => [],
    },
  };
  const plan = {
    steps: new Map(graph.map((step, place) => [idOf(place), { dependencies: step.follows.map(idOf) }])),
    order: graph.map((_, place) => idOf(place)),
  };
  return { deps, program: compileWorkflow(definition, plan, deps) };
}

/** Executes as often as it takes; each crash happens once. */
async function untilDone<T>(
  planned: readonly { step: number; moment: CrashMoment }[],
  execute: (run: MemoryRun) => Promise<T>,
): Promise<{ run: MemoryRun; outcome: T }> {
  const left = [...planned];
  let seen = 0;
  const run = new MemoryRun({
    clock: systemClock,
    crash: (_key, moment) => {
      const next = left[0];
      if (next === undefined || next.moment !== moment) return false;
      if (seen < next.step) {
        seen += 1;
        return false;
      }
      seen = 0;
      left.shift();
      return true;
    },
  });
  for (;;) {
    try {
      return { run, outcome: await execute(run) };
    } catch (error) {
      if (!(error instanceof RunInterruption)) throw error;
    }
  }
}

/** Records are final: what has one is not executed again. At most one execution per crash was in the window before its record. */
function expectNothingRepeated(
  run: MemoryRun,
  crashed: readonly { moment: CrashMoment }[],
  width: number,
): void {
  const counts = new Map<string, number>();
  for (const key of run.executed) counts.set(key, (counts.get(key) ?? 0) + 1);
  const repeats = [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
  expect(repeats).toBeLessThanOrEqual(crashed.length * width);
}

async function settledBody(program: Program, deps: ExecutionDeps, run: MemoryRun): Promise<Frame> {
  const root = new StopScope();
  const frame: Frame = {
    body: program.body,
    parent: undefined,
    prefix: '',
    locals: {},
    rank: [],
    writes: noWrites,
    survivable: true,
    looped: false,
    results: program.body.nodes.map(() => undefined),
  };
  const inputs: JsonObject = {};
  const slots = new Slots(program.definition.spec.limits.concurrency);
  const context = run.context();
  await runBody(
    new Execution({ program, deps, context, inputs, slots, root, runBody }),
    frame,
    root,
    undefined,
  );
  return frame;
}

describe('random graphs with random failures, skips, detours and crashes', () => {
  it('end, where the workflow survives failures, as the interpreter says, each step with a record done once', async () => {
    await fc.assert(
      fc.asyncProperty(
        randomGraph,
        crashes,
        fc.integer({ min: 1, max: 5 }),
        async (graph, planned, width) => {
          let current: MemoryRun | undefined;
          const { deps, program } = programOf(graph, () => current as MemoryRun, width);
          const { run, outcome } = await untilDone(planned, (run) => {
            current = run;
            return settledBody(program, deps, run);
          });
          expect(outcome.results.map((result) => result?.state.status)).toEqual(interpret(graph));
          expectNothingRepeated(run, planned, width);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('end, at the top, as failed exactly where a failure is not survived, and with the first failure that was recorded', async () => {
    await fc.assert(
      fc.asyncProperty(
        randomGraph,
        crashes,
        fc.integer({ min: 1, max: 5 }),
        async (graph, planned, width) => {
          let current: MemoryRun | undefined;
          const { deps, program } = programOf(graph, () => current as MemoryRun, width);
          const { run, outcome } = await untilDone(planned, (run) => {
            current = run;
            return executeWorkflow(program, {}, deps, run.context()).then(
              () => undefined,
              (error: unknown) => {
                if (error instanceof RunInterruption) throw error;
                return error as AppError;
              },
            );
          });
          const expected = interpret(graph);
          const fatal = graph.flatMap((step, place) =>
            step.onError === 'fail' && expected[place] === 'failed' ? [place] : [],
          );
          if (fatal.length === 0) {
            expect(outcome).toBeUndefined();
            const done = expected.flatMap((status, place) => (status === 'completed' ? [idOf(place)] : []));
            const recorded = [...run.steps].flatMap(([key, step]) =>
              step.status === 'completed' ? [key.replace(/:try:2$/, '')] : [],
            );
            expect(recorded.toSorted()).toEqual(done.toSorted());
          } else {
            expect(outcome).toBeInstanceOf(AppError);
            const failedSteps = [...run.steps].flatMap(([key, step]) =>
              step.status === 'failed' ? [key] : [],
            );
            const recordedFatal = fatal.filter((place) => failedSteps.includes(idOf(place)));
            expect(outcome?.details?.['step']).toBe(idOf(recordedFatal[0] ?? -1));
          }
          expectNothingRepeated(run, planned, width);
        },
      ),
      { numRuns: 500 },
    );
  });
});
