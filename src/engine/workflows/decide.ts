import type { SerializedError } from '../../base/index.ts';
import type { FinalStepState, SkipReason } from './step-state.ts';

/** What a step follows, by place. */
export interface Followed {
  readonly dependencies: readonly number[];
  /** Steps whose failure leads to this one. */
  readonly handles: readonly number[];
}

/** What is known of a step that is followed. */
export interface FollowedStep {
  readonly state: FinalStepState;
  /** The step that its failure leads to. */
  readonly goesTo: number | undefined;
}

/** What is to be done with a step once all that it follows is final. */
export type Decision =
  | { readonly kind: 'run'; readonly error: SerializedError | undefined }
  | { readonly kind: 'skip'; readonly reason: SkipReason }
  | { readonly kind: 'cancel' };

/**
 * The rule of the graph. In this order:
 * 1. A step that a failed one goes to runs, with its error (of several: the first in the definition).
 * 2. Behind a step that ended the workflow, or was cancelled, nothing runs.
 * 3. A step that follows nothing runs; one that only handles failures is skipped when there is none.
 * 4. Behind a failed step that went on elsewhere a step is skipped, unless it also follows the handler and that completed.
 * 5. A step with nothing but skipped steps before it is skipped. Every other one runs.
 */
export function decide(step: Followed, followed: (place: number) => FollowedStep): Decision {
  const { dependencies, handles } = step;
  for (const place of handles) {
    const { state } = followed(place);
    if (state.status === 'failed' && state.after === 'goto') return { kind: 'run', error: state.error };
  }
  const isEnd = ({ state }: FollowedStep): boolean =>
    state.status === 'cancelled' || (state.status === 'failed' && state.after === 'fail');
  if ([...dependencies, ...handles].some((place) => isEnd(followed(place)))) return { kind: 'cancel' };
  if (dependencies.length === 0)
    return handles.length === 0 ? { kind: 'run', error: undefined } : { kind: 'skip', reason: 'not_needed' };
  let skipped = 0;
  for (const place of dependencies) {
    const { state, goesTo } = followed(place);
    if (state.status === 'skipped') skipped += 1;
    if (state.status !== 'failed' || state.after !== 'goto') continue;
    const recovered =
      goesTo !== undefined && dependencies.includes(goesTo) && followed(goesTo).state.status === 'completed';
    if (!recovered) return { kind: 'skip', reason: 'handled' };
    skipped += 1;
  }
  if (skipped === dependencies.length) return { kind: 'skip', reason: 'dependencies' };
  return { kind: 'run', error: undefined };
}
