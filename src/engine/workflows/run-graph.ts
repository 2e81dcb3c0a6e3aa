import type { WorkflowDefinition } from '../../protocol/index.ts';
import type { Expressions } from '../expressions/index.ts';
import {
  statusOfChild,
  type RunGraph,
  type RunGraphEdge,
  type RunGraphMaker,
  type RunGraphNode,
  type RunGraphStatus,
  type RunProgress,
  type RunView,
  type StepProgress,
} from '../runs/index.ts';
import { planWorkflow, type PlannedStep, type WorkflowPlan } from './plan-workflow.ts';
import { readStepKey } from './step-keys.ts';

/** What the journal holds of one step of the workflow, of all its elements, iterations and tries. */
interface Records {
  readonly acts: StepProgress[];
  readonly children: RunView[];
  startedAt: string | null;
  endedAt: string | null;
  attempts: number;
  waits: boolean;
  /** The try whose time ran out, if one's did. */
  timedOut: number | undefined;
}

function emptyRecords(): Records {
  return {
    acts: [],
    children: [],
    startedAt: null,
    endedAt: null,
    attempts: 0,
    waits: false,
    timedOut: undefined,
  };
}

/** The step of the workflow that a key of the journal belongs to; keys below a child run belong to the step of the child. */
function stepOf(key: string, plan: WorkflowPlan): string | undefined {
  const parts = key.split('/');
  let found: string | undefined;
  for (const part of parts) {
    const id = readStepKey(part)?.path[0];
    if (id === undefined || !plan.steps.has(id)) break;
    found = id;
  }
  return found;
}

function collect(plan: WorkflowPlan, { run, steps, children }: RunProgress): ReadonlyMap<string, Records> {
  const found = new Map<string, Records>();
  const of = (key: string): Records | undefined => {
    const id = stepOf(key, plan);
    if (id === undefined) return undefined;
    const known = found.get(id) ?? emptyRecords();
    found.set(id, known);
    return known;
  };
  for (const step of steps) {
    const place = readStepKey(step.key);
    const records = of(step.key);
    if (place === undefined || records === undefined) continue;
    if (records.startedAt === null || step.startedAt < records.startedAt) records.startedAt = step.startedAt;
    if (step.endedAt !== null && step.endedAt > (records.endedAt ?? '')) records.endedAt = step.endedAt;
    if (place.isTimeout && step.status === 'completed') records.timedOut = place.attempt;
    if (!place.isAct) continue;
    records.acts.push(step);
    records.attempts = Math.max(records.attempts, place.attempt);
  }
  for (const child of children)
    if (child.parentStepKey !== null) of(child.parentStepKey)?.children.push(child);
  if (run.status === 'waiting' || run.status === 'running')
    for (const key of run.waitingFor) {
      const records = of(key);
      if (records !== undefined) records.waits = true;
    }
  return found;
}

/** Of the tries of each act the last one decides. */
function lastTries(acts: readonly StepProgress[]): readonly StepProgress[] {
  const last = new Map<string, { readonly attempt: number; readonly act: StepProgress }>();
  for (const act of acts) {
    const attempt = readStepKey(act.key)?.attempt ?? 1;
    const name = act.key.replace(/:try:\d+$/, '');
    if ((last.get(name)?.attempt ?? 0) < attempt) last.set(name, { attempt, act });
  }
  return [...last.values()].map(({ act }) => act);
}

class GraphOfRun {
  readonly #plan: WorkflowPlan;
  readonly #records: ReadonlyMap<string, Records>;
  readonly #run: RunView;
  readonly #inner = new Map<string, string[]>();
  /** Steps that others went on after. */
  readonly #passed = new Set<string>();
  readonly #statuses = new Map<string, RunGraphStatus>();

  constructor(plan: WorkflowPlan, progress: RunProgress) {
    this.#plan = plan;
    this.#run = progress.run;
    this.#records = collect(plan, progress);
    for (const [id, planned] of plan.steps) {
      if (planned.group !== null) {
        const inner = this.#inner.get(planned.group.id);
        if (inner === undefined) this.#inner.set(planned.group.id, [id]);
        else inner.push(id);
      }
      if (!this.#records.has(id)) continue;
      for (const first of [...planned.dependencies, ...planned.entries]) this.#passed.add(first);
    }
  }

  node(planned: PlannedStep): RunGraphNode {
    const { step } = planned;
    const records = this.#records.get(step.id) ?? emptyRecords();
    const status = this.#status(step.id);
    const open = status === 'running' || status === 'waiting' || status === 'pending';
    const [child] = records.children;
    return {
      id: step.id,
      label: step.name ?? step.id,
      kind: step.action,
      status,
      startedAt: records.startedAt ?? child?.startedAt ?? null,
      endedAt: open ? null : this.#end(step.id, records),
      attempts: records.attempts,
      runId: records.children.length === 1 ? (child?.id ?? null) : null,
    };
  }

  /** A group ends with the last of its inner steps. */
  #end(id: string, records: Records): string | null {
    let end = records.endedAt;
    for (const inner of this.#inner.get(id) ?? []) {
      const innerEnd = this.#end(inner, this.#records.get(inner) ?? emptyRecords());
      if (innerEnd !== null && innerEnd > (end ?? '')) end = innerEnd;
    }
    return end;
  }

  #status(id: string): RunGraphStatus {
    const known = this.#statuses.get(id);
    if (known !== undefined) return known;
    const status = this.#find(id);
    this.#statuses.set(id, status);
    return status;
  }

  #find(id: string): RunGraphStatus {
    const planned = this.#plan.steps.get(id);
    const records = this.#records.get(id);
    const { status: ofRun, error } = this.#run;
    const ended = ofRun === 'completed' || ofRun === 'failed' || ofRun === 'cancelled' || ofRun === 'timeout';
    const culprit = error?.details?.['step'];
    const failedHere = typeof culprit === 'string' && stepOf(culprit, this.#plan) === id;
    if (records === undefined || planned === undefined) {
      if (failedHere) return 'failed';
      if (this.#isWithinTimedOut(planned)) return 'cancelled';
      if (ofRun === 'completed' || this.#passed.has(id)) return 'skipped';
      return ended ? 'cancelled' : 'pending';
    }
    if (!ended && records.waits) return 'waiting';
    const tries = lastTries(records.acts);
    const underWay = tries.some((act) => act.status === 'started');
    const openChild = records.children.find((child) => statusOfChild(child) === 'running');
    if (underWay || openChild !== undefined) return ended ? 'cancelled' : 'running';
    const inner = this.#inner.get(id);
    if (inner !== undefined)
      return this.#ofGroup(id, inner, ended, failedHere || records.timedOut === records.attempts);
    // The journal has the outcome of a child as a result, whatever it was.
    const childOf = new Map(records.children.map((child) => [child.parentStepKey, child]));
    const ends = tries.map((act) => {
      const child = childOf.get(act.key);
      return child === undefined ? act.status : statusOfChild(child);
    });
    const failed = failedHere || ends.includes('failed');
    const loops = planned.step.forEach !== undefined || planned.step.repeatUntil !== undefined;
    const settled = ended || this.#passed.has(id);
    if (failed) {
      const mayGoOn = !settled && (loops || records.attempts < (planned.step.retry?.attempts ?? 1));
      return mayGoOn ? 'running' : 'failed';
    }
    if (ended && ends.includes('cancelled')) return 'cancelled';
    if (tries.length === 0) return ended ? 'cancelled' : 'running';
    return loops && !settled ? 'running' : 'completed';
  }

  /** Was it given up because the time of a group around it ran out? */
  #isWithinTimedOut(planned: PlannedStep | undefined): boolean {
    for (let group = planned?.group ?? null; group !== null;) {
      const records = this.#records.get(group.id);
      if (records?.timedOut !== undefined && records.timedOut === records.attempts) return true;
      group = this.#plan.steps.get(group.id)?.group ?? null;
    }
    return false;
  }

  #ofGroup(id: string, inner: readonly string[], ended: boolean, failedHere: boolean): RunGraphStatus {
    const statuses = inner.map((one) => ({ one, status: this.#status(one) }));
    const fatal = statuses.some(
      ({ one, status }) => status === 'failed' && this.#plan.steps.get(one)?.step.onError === 'fail',
    );
    if (failedHere || fatal) return 'failed';
    if (this.#passed.has(id)) return 'completed';
    if (statuses.some(({ status }) => status === 'cancelled')) return 'cancelled';
    const done = statuses.every(
      ({ status }) => status === 'completed' || status === 'skipped' || status === 'failed',
    );
    if (done || this.#run.status === 'completed') return 'completed';
    return ended ? 'cancelled' : 'running';
  }
}

/** `then`: the second waits for the first. `on_error`: a failure of the first leads to the second. `contains`: a group and its inner steps. */
function edgesOf(plan: WorkflowPlan): readonly RunGraphEdge[] {
  return [...plan.steps].flatMap(([id, { dependencies, entries, group }]) => [
    ...dependencies.map((from) => ({ from, to: id, kind: 'then' })),
    ...entries.map((from) => ({ from, to: id, kind: 'on_error' })),
    ...(group === null ? [] : [{ from: group.id, to: id, kind: 'contains' }]),
  ]);
}

/** Draws workflows: as they are defined, all steps pending, and runs of them, each step as far as the journal says. */
export function createWorkflowGraphs(expressions: Expressions): {
  ofDefinition(definition: WorkflowDefinition): RunGraph;
  readonly ofRun: RunGraphMaker;
} {
  const plans = new WeakMap<object, WorkflowPlan>();
  const planOf = (definition: WorkflowDefinition): WorkflowPlan => {
    const known = plans.get(definition);
    if (known !== undefined) return known;
    const { plan } = planWorkflow(definition.spec, expressions);
    plans.set(definition, plan);
    return plan;
  };
  return {
    ofDefinition(definition) {
      const plan = planOf(definition);
      const nodes = [...plan.steps.values()].map(({ step }): RunGraphNode => ({
        id: step.id,
        label: step.name ?? step.id,
        kind: step.action,
        status: 'pending',
        startedAt: null,
        endedAt: null,
        attempts: 0,
        runId: null,
      }));
      return { nodes, edges: edgesOf(plan) };
    },
    ofRun(progress) {
      const plan = planOf(progress.definition as unknown as WorkflowDefinition);
      const graph = new GraphOfRun(plan, progress);
      return { nodes: [...plan.steps.values()].map((planned) => graph.node(planned)), edges: edgesOf(plan) };
    },
  };
}
