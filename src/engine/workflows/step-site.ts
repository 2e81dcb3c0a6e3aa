import type { Json, JsonObject, SerializedError } from '../../base/index.ts';
import type { Execution } from './execution.ts';
import type { Node } from './program.ts';
import { writesBefore, type Frame, type StepResult } from './run-values.ts';
import type { StopScope } from './stop-scope.ts';
import {
  isFinalState,
  transition,
  type FinalStepState,
  type StepEvent,
  type StepState,
} from './step-state.ts';
import { stepKeys } from './step-keys.ts';
import type { Writes } from './writes.ts';

/** A step under way: its state, told to whoever watches, and what its acts share. */
export class StepSite {
  readonly execution: Execution;
  readonly frame: Frame;
  readonly node: Node;
  readonly stop: StopScope;
  /** Journal key of the step. */
  readonly key: string;
  /** State of the run as the step finds it. */
  readonly before: Writes;
  /** The error that a handler handles, as `error`. */
  readonly locals: JsonObject;
  #state: StepState = { status: 'pending' };
  #live: boolean;

  constructor(parts: {
    execution: Execution;
    frame: Frame;
    node: Node;
    stop: StopScope;
    /** What the step handles. */
    error: SerializedError | undefined;
  }) {
    this.execution = parts.execution;
    this.frame = parts.frame;
    this.node = parts.node;
    this.stop = parts.stop;
    this.locals = parts.error === undefined ? {} : { error: { ...parts.error } as unknown as Json };
    this.key = stepKeys.inner(parts.frame.prefix, parts.node.step.id);
    this.before = writesBefore(parts.frame, parts.node);
    // In a later execution a step is news only if something it follows has just happened.
    this.#live =
      parts.execution.context.attempt === 1 ||
      [...parts.node.dependencies, ...parts.node.handles].some(
        (place) => parts.frame.results[place]?.live === true,
      );
  }

  get state(): StepState {
    return this.#state;
  }

  get live(): boolean {
    return this.#live;
  }

  /** Moves to the next state, and tells it unless it only answers from the journal. */
  to(event: StepEvent): void {
    this.#state = transition(this.#state, event);
    const { status } = this.#state;
    if (!this.#live || this.frame.looped || status === 'ready') return;
    const error = this.#state.status === 'failed' ? { error: this.#state.error } : {};
    this.execution.context.emit({
      type: 'step-state',
      step: this.key,
      action: this.node.action.name,
      status,
      ...error,
    });
  }

  /** Moves to a final state. */
  end(event: StepEvent, writes: Writes = this.before, inner?: Frame): StepResult {
    this.to(event);
    return { state: this.#state as FinalStepState, writes, inner, live: this.#live };
  }

  /** Something of it really happens now. */
  began(): void {
    this.#live = true;
    if (this.#state.status === 'ready' || this.#state.status === 'waiting') this.to({ type: 'started' });
  }

  /** It waits durably. An element of a loop says nothing about the others. */
  waits(): void {
    this.#live = true;
    if (this.node.step.forEach !== undefined) this.began();
    else if (!isFinalState(this.#state) && this.#state.status !== 'waiting') this.to({ type: 'waits' });
  }

  /** What its expressions see. */
  scope(state: Writes, locals: JsonObject): JsonObject {
    const own = { ...this.locals, ...locals };
    return this.execution.scope(this.frame, this.node.templates.reads, state, own);
  }
}
