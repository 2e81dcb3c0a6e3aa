import {
  AppError,
  isJsonObject,
  silentLogger,
  systemClock,
  type Clock,
  type Json,
  type JsonObject,
} from '../base/index.ts';
import { createToolGovernance, createToolRegistry, type Tool } from '../capabilities/tools/index.ts';
import { parseDefinitions } from '../engine/definitions/parse-definition.ts';
import { createExpressions, type Expressions } from '../engine/expressions/index.ts';
import { RunInterruption, type RunResult } from '../engine/runs/index.ts';
import { acceptInputs } from '../engine/workflows/workflow-inputs.ts';
import {
  compileWorkflow,
  createActionRegistry,
  createBuiltinActions,
  createProcessRunner,
  executeWorkflow,
  planWorkflow,
  type ActionRegistry,
  type BuiltinActionDeps,
  type CommandRules,
  type Program,
  type WorkflowAction,
  type WorkflowPlan,
} from '../engine/workflows/index.ts';
import { createEgressClient } from '../platform/http-client/index.ts';
import { createMetrics } from '../platform/observability/index.ts';
import type { WorkflowDefinition } from '../protocol/index.ts';

import { FakeClock } from './fake-clock.ts';
import { MemoryRun, type MemoryRunSettings } from './memory-run-context.ts';

/** What a test brings of its own. */
export interface WorkflowGroundOptions extends Partial<Omit<MemoryRunSettings, 'input'>> {
  readonly actions?: readonly WorkflowAction[];
  readonly tools?: readonly Tool[];
  readonly commands?: Partial<CommandRules>;
  readonly projectDir?: string;
  readonly domains?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly events?: BuiltinActionDeps['events'];
  readonly jsonata?: BuiltinActionDeps['jsonata'];
}

/** How a run of a workflow in memory ended. */
export type WorkflowEnd = { readonly result: RunResult } | { readonly error: AppError };

/** A workflow with a run in memory: to be executed as often as a test likes, on one journal. */
export class WorkflowGround {
  readonly definition: WorkflowDefinition;
  readonly plan: WorkflowPlan;
  readonly program: Program;
  readonly actions: ActionRegistry;
  readonly run: MemoryRun;
  readonly clock: Clock;
  readonly #execute: (signal: AbortSignal) => Promise<RunResult>;

  constructor(parts: {
    definition: WorkflowDefinition;
    plan: WorkflowPlan;
    program: Program;
    actions: ActionRegistry;
    run: MemoryRun;
    clock: Clock;
    execute: (signal: AbortSignal) => Promise<RunResult>;
  }) {
    this.definition = parts.definition;
    this.plan = parts.plan;
    this.program = parts.program;
    this.actions = parts.actions;
    this.run = parts.run;
    this.clock = parts.clock;
    this.#execute = parts.execute;
  }

  /** Executes once. Throws the failure of the run, or what interrupted it. */
  execute(signal: AbortSignal = new AbortController().signal): Promise<RunResult> {
    return this.#execute(signal);
  }

  /** Executes until no crash that the test planned stands in the way. */
  async untilDone(): Promise<WorkflowEnd> {
    for (;;) {
      try {
        return { result: await this.execute() };
      } catch (error) {
        if (error instanceof AppError) return { error };
        if (!(error instanceof RunInterruption)) throw error;
      }
    }
  }

  async output(): Promise<Json> {
    return (await this.execute()).output;
  }

  /** The error that the run fails with. */
  async failure(): Promise<AppError> {
    try {
      await this.execute();
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
    throw new Error('the run was expected to fail');
  }

  /** The last state of each step that was told. */
  states(): Record<string, string> {
    const states: Record<string, string> = {};
    for (const event of this.run.events) if (event.type === 'step-state') states[event.step] = event.status;
    return states;
  }

  /** Outputs and errors of the journal, by key. */
  journal(): Record<string, Json> {
    return Object.fromEntries(
      [...this.run.steps].map(([key, { output, error }]): [string, Json] => [
        key,
        error === null ? output : { error: error.code },
      ]),
    );
  }
}

let expressions: Promise<Expressions> | undefined;

/** The definition of a workflow from the YAML of its `spec`. */
export function workflowOf(spec: string): WorkflowDefinition {
  const indented = spec.replaceAll(/^/gm, '  ');
  const text = `apiVersion: agent33/v1\nkind: Workflow\nmetadata: {name: tested}\nspec:\n${indented}`;
  const { definitions, problems } = parseDefinitions('tested.yaml', text);
  const [definition] = definitions;
  if (definition?.kind !== 'Workflow' || problems.length > 0)
    throw new Error(`not a workflow: ${JSON.stringify(problems)}`);
  return definition;
}

/** Prepares a workflow (YAML of its `spec`, or a definition) and a run of it in memory. */
export async function openWorkflow(
  workflow: string | WorkflowDefinition,
  input: JsonObject = {},
  options: WorkflowGroundOptions = {},
): Promise<WorkflowGround> {
  expressions ??= createExpressions();
  const engine = await expressions;
  const { clock = new FakeClock() } = options;
  const definition = typeof workflow === 'string' ? workflowOf(workflow) : workflow;
  const tools = createToolRegistry({ logger: silentLogger });
  for (const tool of options.tools ?? []) tools.register(tool);
  const actions = createActionRegistry([
    ...createBuiltinActions({
      tools,
      governance: createToolGovernance({
        clock,
        logger: silentLogger,
        metrics: createMetrics({ version: 'test' }),
      }),
      projectDir: options.projectDir ?? process.cwd(),
      events: options.events ?? { publish: () => Promise.resolve(0) },
      jsonata:
        options.jsonata ??
        (() => {
          throw new AppError('not_ready', 'no JSONata in this test');
        }),
      createEgress: createEgressClient,
      allowPrivate: ['127.0.0.1'],
      domains: () => options.domains ?? [],
      clock,
      commands: {
        run: createProcessRunner({ clock }),
        rules: () => ({ allow: [], environment: [], ...options.commands }),
        environment: options.environment ?? { PATH: process.env['PATH'] },
      },
    }),
    ...(options.actions ?? []),
  ]);
  const deps = { actions, expressions: engine, clock };
  const { plan, faults } = planWorkflow(definition.spec, engine);
  if (faults.length > 0) throw new Error(`faults: ${faults.map((fault) => fault.message).join('; ')}`);
  const program = compileWorkflow(definition, plan, deps);
  const run = new MemoryRun({ ...options, clock, input });
  const execute = (signal: AbortSignal): Promise<RunResult> =>
    executeWorkflow(program, acceptInputs(definition, input), deps, run.context(signal));
  return new WorkflowGround({ definition, plan, program, actions, run, clock, execute });
}

/** An action for tests: does what is given, and keeps its inputs. */
export function testAction(
  name: string,
  run: (
    inputs: JsonObject,
    io: { readonly signal: AbortSignal; readonly idempotencyKey: string },
  ) => Promise<Json> | Json,
): WorkflowAction & { readonly calls: JsonObject[] } {
  const calls: JsonObject[] = [];
  return {
    name,
    description: 'For tests.',
    inputs: { type: 'object' },
    output: {},
    literal: [],
    mode: 'step',
    kind: 'action',
    effect: () => 'none',
    calls,
    run: async ({ inputs }, io) => {
      calls.push(isJsonObject(inputs) ? inputs : {});
      return run(inputs, io);
    },
  };
}

/** A workflow of one step. */
export function openStep(
  action: string,
  inputs: object,
  options: WorkflowGroundOptions = {},
  more: object = {},
): ReturnType<typeof openWorkflow> {
  return openWorkflow(
    `steps: ${JSON.stringify([{ id: 'a', action, inputs, ...more }])}`,
    {},
    { clock: systemClock, ...options },
  );
}
