import type { Json, JsonObject, Logger } from '../../base/index.ts';
import type { Scope, StepKind } from '../../protocol/index.ts';
import type { RunContext, StepIo } from '../runs/index.ts';

/** What is known of an action without executing it: for checks, editors, `agent33 workflows actions`. */
export interface ActionDescription {
  /** snake_case; what `action:` of a step says. */
  readonly name: string;
  /** One sentence. */
  readonly description: string;
  /** JSON Schema (2020-12) of the evaluated inputs: an object schema. */
  readonly inputs: JsonObject;
  /** JSON Schema of the output; `{}` where it may be anything. */
  readonly output: JsonObject;
  /** Inputs that reach the action as they are written: expressions it evaluates itself, lists that may not come from outside. */
  readonly literal: readonly string[];
}

/** One act of a step: its inputs and the run it belongs to. */
export interface ActionCall {
  /** Evaluated and fitting the schema. */
  readonly inputs: JsonObject;
  readonly runId: string;
  readonly scope: Scope;
  /** When the run was accepted, ISO 8601. */
  readonly createdAt: string;
  readonly logger: Logger;
  /** Everything that the step's expressions may read. */
  visible(): JsonObject;
  /** Evaluates a literal input in the step's scope, widened by `more`. Error: `expression_failed`. */
  evaluate(template: Json, more?: JsonObject): Json;
  condition(expression: string | boolean, more?: JsonObject): boolean;
}

/** Given to an action's work while it really happens. `idempotencyKey` is the same for every try of the same act. */
export type ActionIo = Pick<StepIo, 'signal' | 'idempotencyKey' | 'emit' | 'recordUsage' | 'attempt'>;

/**
 * What a repeated act would do. `none`: it reads, or only computes. `keyed`: the target honours `idempotencyKey`.
 * `unkeyed`: an act that a crash left in doubt is not repeated; its step fails with `conflict`.
 */
export type ActionEffect = 'none' | 'keyed' | 'unkeyed';

/** An act that happens within one step of the journal. */
export interface StepAction extends ActionDescription {
  readonly mode: 'step';
  readonly kind: StepKind;
  effect(inputs: JsonObject): ActionEffect;
  /** Must stop when `io.signal` aborts. Throws `AppError` for failure. */
  run(call: ActionCall, io: ActionIo): Promise<Json>;
  /** Where its output goes beside `steps.<id>.output`: the state of the run, or the run's own output. */
  readonly writes?: 'state' | 'output';
}

/** An act that waits durably, or executes a child run: it journals by itself, under keys that begin with `key`. */
export interface DurableAction extends ActionDescription {
  readonly mode: 'durable';
  /** Does it keep its place among `limits.concurrency` while it is under way? Waiting for people or time does not. */
  readonly holdsSlot: boolean;
  run(call: ActionCall, durable: DurableIo): Promise<Json>;
}

export interface DurableIo {
  /** Free for the main step of the act; more under `key:…`. */
  readonly key: string;
  /** `timeout` of the step. A wait that passes it fails with `timeout`. */
  readonly timeoutMs: number | undefined;
  /** Aborts when the branch is given up, with the reason. */
  readonly signal: AbortSignal;
  readonly context: Pick<RunContext, 'step' | 'sleep' | 'waitForSignal' | 'approve' | 'child'>;
}

/** An action whose work is other steps. */
export interface GroupAction extends ActionDescription {
  readonly mode: 'group';
  /** Which list of inner steps is done. */
  choose(call: ActionCall): 'steps' | 'else';
  /** Most inner steps side by side; `undefined`: as many as the workflow allows. */
  concurrency(inputs: JsonObject): number | undefined;
  /** Output of the group, from those of its inner steps by id. */
  outcome(outputs: JsonObject, chosen: 'steps' | 'else'): Json;
}

/** Something that a step can do. One file each; plugins register their own. */
export type WorkflowAction = StepAction | DurableAction | GroupAction;
