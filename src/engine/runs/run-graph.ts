import type { Json } from '../../base/index.ts';
import type { RunView, StepProgress } from './run-store.ts';

/** How far a node is. `skipped`: it was decided not to do it. `cancelled`: it was given up. */
export type RunGraphStatus =
  | 'pending'
  | 'running'
  | 'waiting'
  | 'completed'
  | 'failed'
  | 'skipped'
  | 'cancelled';

/** One thing that a run does. Times are ISO 8601. */
export interface RunGraphNode {
  /** Unique in the graph: the key of a step of the journal, or the id of a step of a workflow. */
  readonly id: string;
  readonly label: string;
  /** A kind of step (`model`, `tool`, `run`, `approval`, …), or the action of a step of a workflow. */
  readonly kind: string;
  readonly status: RunGraphStatus;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly attempts: number;
  /** The child run that does it. */
  readonly runId: string | null;
}

/** `then`: the second begins after the first. Workflows have further kinds. */
export interface RunGraphEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
}

/** What a run does, to be drawn. */
export interface RunGraph {
  readonly nodes: readonly RunGraphNode[];
  readonly edges: readonly RunGraphEdge[];
}

/** What is known of a run when its graph is made. */
export interface RunProgress {
  readonly run: RunView;
  /** The definition it was started with, as its executor keeps it. */
  readonly definition: Json;
  readonly steps: readonly StepProgress[];
  readonly children: readonly RunView[];
}

/** Makes the graph of runs of one kind of target. */
export type RunGraphMaker = (progress: RunProgress) => RunGraph;

const statusOfStep = { started: 'running', completed: 'completed', failed: 'failed' } as const;

/** The node's status where a child run does it. */
export function statusOfChild({ status }: Pick<RunView, 'status'>): RunGraphStatus {
  if (status === 'timeout') return 'failed';
  return status === 'queued' ? 'pending' : status;
}

/** Steps of one moment come in the order of the numbers in their keys: `model:1`, `tool:1:0`, `model:2`. */
function orderOf({ id, kind }: RunGraphNode): readonly number[] {
  const [first = 0, second = -1] = (id.match(/\d+/g) ?? []).map(Number);
  return [first, kind === 'model' ? 0 : 1, second];
}

function inOrder(one: RunGraphNode, two: RunGraphNode): number {
  const [oneAt, twoAt] = [one.startedAt ?? '~', two.startedAt ?? '~'];
  if (oneAt !== twoAt) return oneAt < twoAt ? -1 : 1;
  const [left, right] = [orderOf(one), orderOf(two)];
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Edges from each node to those that began next after it had ended. The nodes come in the order of their beginning. */
function edgesInTime(nodes: readonly RunGraphNode[]): readonly RunGraphEdge[] {
  return nodes.flatMap((node, index) => {
    const began = node.startedAt ?? '~';
    const before = nodes.slice(0, index).filter((one) => one.endedAt !== null && one.endedAt <= began);
    const tail = before.at(-1);
    // Those after whose end the last of them began lead to it, and not past it.
    return before
      .filter((one) => one === tail || (one.endedAt ?? '') > (tail?.startedAt ?? ''))
      .map((one) => ({ from: one.id, to: node.id, kind: 'then' }));
  });
}

/** The graph of a run whose journal is all that is known: what came after what, side by side where it overlapped. */
export const graphOfJournal: RunGraphMaker = ({ run, steps, children }) => {
  const byStep = new Map(children.map((child) => [child.parentStepKey, child]));
  const nodes: RunGraphNode[] = steps.map((step) => {
    const child = byStep.get(step.key);
    byStep.delete(step.key);
    return {
      id: step.key,
      label: step.name ?? child?.target.name ?? step.key,
      kind: step.kind,
      status:
        step.status === 'started' && child !== undefined ? statusOfChild(child) : statusOfStep[step.status],
      startedAt: step.startedAt,
      endedAt: step.endedAt,
      attempts: step.attempts,
      runId: child?.id ?? null,
    };
  });
  for (const [key, child] of byStep)
    nodes.push({
      id: key ?? child.id,
      label: child.target.name,
      kind: 'run',
      status: statusOfChild(child),
      startedAt: child.startedAt ?? child.createdAt,
      endedAt: child.endedAt,
      attempts: child.attempts,
      runId: child.id,
    });
  const known = new Set(nodes.map((node) => node.id));
  if (run.status === 'waiting')
    for (const key of run.waitingFor.filter((one) => !known.has(one)))
      nodes.push({
        id: key,
        label: key,
        kind: 'wait',
        status: 'waiting',
        startedAt: null,
        endedAt: null,
        attempts: 0,
        runId: null,
      });
  const sorted = nodes.toSorted(inOrder);
  return { nodes: sorted, edges: edgesInTime(sorted) };
};
