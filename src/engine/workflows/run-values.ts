import type { Json, JsonObject } from '../../base/index.ts';
import type { FinalStepState } from './step-state.ts';
import type { Body, Node } from './program.ts';
import { noWrites, type Writes } from './writes.ts';

/** What a step left behind. */
export interface StepResult {
  readonly state: FinalStepState;
  /** What steps after this one see of the run's state. */
  readonly writes: Writes;
  /** Results of the inner steps of a group that was done once (neither `for_each` nor `repeat_until`). */
  readonly inner: Frame | undefined;
  /** Did anything of it really happen in this execution? What only answered from the journal is told to nobody again. */
  readonly live: boolean;
}

/** One execution of a body: of the workflow, or of a group's inner steps. */
export interface Frame {
  readonly body: Body;
  readonly parent: Frame | undefined;
  /** Begins the journal keys of its steps. */
  readonly prefix: string;
  /** Names that expressions see beside the usual ones: the element, its index, the iteration, the error. */
  readonly locals: JsonObject;
  /** Begins the ranks of its writes. */
  readonly rank: readonly number[];
  /** State of the run that its first steps see. */
  readonly writes: Writes;
  /** Will the workflow go on although something in here fails? Then all of it is done that can be, so that the outcome is the same in every execution. */
  readonly survivable: boolean;
  /** Within a loop: its states are told to nobody. */
  readonly looped: boolean;
  /** By place in the body; `undefined` while it is not final. */
  readonly results: (StepResult | undefined)[];
}

/** What expressions see of a step that was not reached, such as one of the other branch. */
const notReached: JsonObject = { output: null, status: 'skipped', error: null };

function viewOf(result: StepResult): JsonObject {
  const { state } = result;
  switch (state.status) {
    case 'completed':
      return { output: state.output, status: 'completed', error: null };
    case 'failed':
      return { output: state.output, status: 'failed', error: { ...state.error } as unknown as Json };
    case 'skipped':
    case 'cancelled':
    default:
      return { output: null, status: state.status, error: null };
  }
}

function findIn(
  frame: Frame,
  id: string,
  groups: ReadonlyMap<string, readonly string[]>,
): StepResult | undefined {
  const place = frame.body.places.get(id);
  if (place !== undefined) return frame.results[place];
  for (const group of groups.get(id) ?? []) {
    const at = frame.body.places.get(group);
    const inner = at === undefined ? undefined : frame.results[at]?.inner;
    if (inner !== undefined) return findIn(inner, id, groups);
  }
  return undefined;
}

/** `steps` as expressions see it: of the steps they name, from the innermost body outwards. */
export function stepsOf(
  frame: Frame,
  reads: readonly string[],
  groups: ReadonlyMap<string, readonly string[]>,
): JsonObject {
  if (reads.length === 0) return {};
  const steps: Record<string, Json> = {};
  for (const id of reads) {
    let found: StepResult | undefined;
    for (let at: Frame | undefined = frame; at !== undefined && found === undefined; at = at.parent)
      found = findIn(at, id, groups);
    steps[id] = found === undefined ? notReached : viewOf(found);
  }
  return steps;
}

/** Names of the loops and handlers around a step, the innermost winning. */
export function localsOf(frame: Frame | undefined): JsonObject {
  if (frame === undefined) return {};
  if (frame.parent === undefined) return frame.locals;
  return { ...localsOf(frame.parent), ...frame.locals };
}

/** State that a step sees: what the steps it follows left, or the body's own beginning. */
export function writesBefore(frame: Frame, node: Node): Writes {
  let merged: Writes | undefined;
  for (const place of [...node.dependencies, ...node.handles]) {
    const writes = frame.results[place]?.writes ?? noWrites;
    merged = merged === undefined ? writes : merged.with(writes);
  }
  return merged ?? frame.writes;
}

/** State that is left when a body is done: of all its steps. */
export function writesAfter(frame: Frame): Writes {
  let merged = frame.writes;
  for (const result of frame.results) if (result !== undefined) merged = merged.with(result.writes);
  return merged;
}
