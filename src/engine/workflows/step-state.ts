import { AppError, type Json, type SerializedError } from '../../base/index.ts';

/** Why a step was not done although nothing went wrong. */
export type SkipReason =
  /** Its `when` did not hold. */
  | 'when'
  /** All steps that it depends on were skipped. */
  | 'dependencies'
  /** A step it depends on failed and went on elsewhere (`goto`). */
  | 'handled'
  /** It handles a failure that did not happen. */
  | 'not_needed';

/** What becomes of the workflow after a step's failure. */
export type AfterFailure = 'fail' | 'continue' | 'goto';

/** Life of a step. The last four are final. */
export type StepState =
  | { readonly status: 'pending' }
  | { readonly status: 'ready' }
  | { readonly status: 'running' }
  | { readonly status: 'waiting' }
  | { readonly status: 'completed'; readonly output: Json }
  | { readonly status: 'skipped'; readonly reason: SkipReason }
  | {
      readonly status: 'failed';
      readonly error: SerializedError;
      /** `null`; with `for_each` and `continue` the outputs there are. */
      readonly output: Json;
      readonly after: AfterFailure;
    }
  | { readonly status: 'cancelled' };

export type FinalStepState = Extract<
  StepState,
  { readonly status: 'completed' | 'skipped' | 'failed' | 'cancelled' }
>;

/** What happens to a step. */
export type StepEvent =
  /** All steps that it depends on are final, and it is to be done. */
  | { readonly type: 'met' }
  /** An act of it begins: the first, or one after a wait. */
  | { readonly type: 'started' }
  /** It waits durably: for time, a person, an event, or between two tries. */
  | { readonly type: 'waits' }
  | { readonly type: 'completed'; readonly output: Json }
  | { readonly type: 'skipped'; readonly reason: SkipReason }
  | {
      readonly type: 'failed';
      readonly error: SerializedError;
      readonly output: Json;
      readonly after: AfterFailure;
    }
  /** The workflow, or the group around it, goes no further. */
  | { readonly type: 'cancelled' };

/** Every transition there is: what may happen to a step in each state. */
export const transitions = {
  pending: ['met', 'skipped', 'cancelled'],
  ready: ['started', 'waits', 'completed', 'skipped', 'failed', 'cancelled'],
  running: ['waits', 'completed', 'failed', 'cancelled'],
  waiting: ['started', 'completed', 'failed', 'cancelled'],
  completed: [],
  skipped: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<StepState['status'], readonly StepEvent['type'][]>;

/** The state after an event. An event that cannot happen in a state is a fault of ours: `internal`. */
export function transition(state: StepState, event: StepEvent): StepState {
  const allowed: readonly StepEvent['type'][] = transitions[state.status];
  if (!allowed.includes(event.type))
    throw new AppError('internal', `a step that is ${state.status} cannot be ${event.type}`);
  switch (event.type) {
    case 'met':
      return { status: 'ready' };
    case 'started':
      return { status: 'running' };
    case 'waits':
      return { status: 'waiting' };
    case 'completed':
      return { status: 'completed', output: event.output };
    case 'skipped':
      return { status: 'skipped', reason: event.reason };
    case 'failed':
      return { status: 'failed', error: event.error, output: event.output, after: event.after };
    case 'cancelled':
    default:
      return { status: 'cancelled' };
  }
}

export function isFinalState(state: StepState): state is FinalStepState {
  return transitions[state.status].length === 0;
}
