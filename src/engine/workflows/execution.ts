import type { JsonObject, SerializedError } from '../../base/index.ts';
import type { RunContext } from '../runs/index.ts';
import type { Node, Program } from './program.ts';
import { localsOf, stepsOf, type Frame } from './run-values.ts';
import type { Slots } from './slots.ts';
import { BranchStopped, type StopScope } from './stop-scope.ts';
import type { ExecutionDeps } from './workflow-deps.ts';
import { compareRanks, noWrites, type Rank, type Writes } from './writes.ts';

/** A failure of a step that the workflow does not survive. */
export interface StepFailure {
  /** Journal key of the step, or of the element that failed. */
  readonly key: string;
  readonly rank: Rank;
  readonly error: SerializedError;
}

/** An act that can be undone. */
export interface Compensation {
  readonly key: string;
  readonly rank: Rank;
  readonly node: Node;
  /** What its expressions see: everything the step saw, and `output`. */
  readonly scope: () => JsonObject;
}

/** What a body came to, once all its steps are final. */
export interface BodyOutcome {
  /** Of a survivable body: the failure that ends it. */
  readonly failure: StepFailure | undefined;
  /** Was a step given up? */
  readonly cancelled: boolean;
}

export type RunBody = (
  execution: Execution,
  frame: Frame,
  stop: StopScope,
  concurrency: number | undefined,
) => Promise<BodyOutcome>;

/** The first of several failures, whatever the clock said; one that a stop brought about comes last. */
export function firstFailure(failures: readonly StepFailure[]): StepFailure | undefined {
  const late = (one: StepFailure): number => (one.error.code === 'cancelled' ? 1 : 0);
  return failures.toSorted((one, two) => late(one) - late(two) || compareRanks(one.rank, two.rank))[0];
}

/** One execution of one run: what its parts share. */
export class Execution {
  readonly program: Program;
  readonly deps: ExecutionDeps;
  readonly context: RunContext;
  readonly inputs: JsonObject;
  readonly slots: Slots;
  readonly root: StopScope;
  readonly runBody: RunBody;
  readonly failures: StepFailure[] = [];
  readonly compensations: Compensation[] = [];
  /** What emit_output steps gave. */
  emitted: Writes = noWrites;
  readonly #run: JsonObject;

  constructor(parts: {
    program: Program;
    deps: ExecutionDeps;
    context: RunContext;
    inputs: JsonObject;
    slots: Slots;
    root: StopScope;
    runBody: RunBody;
  }) {
    this.program = parts.program;
    this.deps = parts.deps;
    this.context = parts.context;
    this.inputs = parts.inputs;
    this.slots = parts.slots;
    this.root = parts.root;
    this.runBody = parts.runBody;
    this.#run = { id: parts.context.runId, created_at: parts.context.createdAt };
  }

  /** What the expressions of a step see. */
  scope(frame: Frame, reads: readonly string[], state: Writes, locals: JsonObject): JsonObject {
    return {
      inputs: this.inputs,
      steps: stepsOf(frame, reads, this.program.groups),
      variables: this.program.definition.spec.variables as JsonObject,
      state: state.object,
      run: this.#run,
      ...localsOf(frame),
      ...locals,
    };
  }

  /** Ends the workflow: what is under way is stopped, and the steps that wait are not done. */
  fail(failure: StepFailure): void {
    this.failures.push(failure);
    this.root.stop(new BranchStopped());
  }
}
