import { AppError, didYouMean, isJsonObject, type Json, type SerializedError } from '../../../base/index.ts';
import type { RecordedStep, RunEffects, TargetKind } from '../../../protocol/index.ts';
import type { RunExecutor } from '../run-context.ts';
import { flattenRecording } from './flatten-recording.ts';
import type { StoredRecording } from './read-recording.ts';

/** What a fork takes over from one run. */
export interface ForkPlan {
  readonly origin: StoredRecording;
  /** Keys of finished steps that answer in the fork as they did in the origin. */
  readonly keep: readonly string[];
  /** Of those, the ones that answer with another output. */
  readonly outputs: ReadonlyMap<string, Json>;
  /** Children by step key: `ended` ones are copied as they are, the others go on from their own plan. */
  readonly children: ReadonlyMap<string, { readonly ended: boolean; readonly plan: ForkPlan }>;
  /** What it goes on with instead of what the origin ran; for children, since a root's is part of the request. */
  readonly definition?: { readonly hash: string; readonly definition: Json };
}

export interface PlanOptions {
  readonly executors: Readonly<Partial<Record<TargetKind, RunExecutor>>>;
  /** Outputs to be put in place of recorded ones, by step key of the root run. */
  readonly outputs: ReadonlyMap<string, Json>;
  /** With effects, an approval that nothing kept has made use of is asked for again. */
  readonly approvals: 'keep' | 'ask-again-unused';
}

/** Approvals are decisions about one act: with effects on, a fork may not use one a second time. */
export function approvalsFor(effects: RunEffects): PlanOptions['approvals'] {
  return effects === 'on' ? 'ask-again-unused' : 'keep';
}

/**
 * The path of a step: its key, behind the keys of the steps whose children it is in. The name of a loop, group or turn
 * (`each` for `each[0]`, `each[1]`, …) stands for all of it. Error: `not_found` with the nearest one.
 */
export function resolveStep(origin: StoredRecording, from: string): readonly string[] {
  const found = find(origin, from);
  if (found !== undefined) return found;
  const keys = [...flattenRecording(origin.recording).keys()];
  const known = [...keys, ...keys.map((key) => key.replace(/[[#].*$/, ''))];
  throw new AppError('not_found', `run "${origin.row.id}" has no step "${from}"${didYouMean(from, known)}`);
}

function find(origin: StoredRecording, from: string): readonly string[] | undefined {
  if (keysOf(origin).includes(from)) return [from];
  for (const [key, child] of origin.children) {
    const inner = from.startsWith(`${key}/`) ? find(child, from.slice(key.length + 1)) : undefined;
    if (inner !== undefined) return [key, ...inner];
  }
  return partsOf(origin, from).length > 0 ? [from] : undefined;
}

/** Everything that the run has under a key: steps, children, waits. */
function keysOf({ recording, children, row }: StoredRecording): readonly string[] {
  return [...recording.steps.map(({ key }) => key), ...children.keys(), ...(row.waiting_for ?? [])];
}

/** Keys of the parts of a loop, group or turn. */
function partsOf(origin: StoredRecording, name: string): readonly string[] {
  return keysOf(origin).filter((key) => key.startsWith(name) && '[#:/'.includes(key.charAt(name.length)));
}

/** The keys at which a fork from a step cuts. */
function cutsOf(origin: StoredRecording, name: string): readonly string[] {
  return keysOf(origin).includes(name) ? [name] : partsOf(origin, name);
}

/** The run that the last key of a path belongs to. */
export function runAt(origin: StoredRecording, path: readonly string[]): StoredRecording {
  const [first, ...inner] = path;
  const child = first === undefined || inner.length === 0 ? undefined : origin.children.get(first);
  return child === undefined ? origin : runAt(child, inner);
}

/**
 * What a fork from a step keeps: every finished step that is neither that step nor downstream of it. `definitions` are
 * those with which children on the way to the step go on, by path.
 */
export function planFork(
  origin: StoredRecording,
  from: readonly string[],
  options: PlanOptions,
  definitions: ReadonlyMap<string, NonNullable<ForkPlan['definition']>> = new Map(),
  place: readonly string[] = [],
): ForkPlan {
  const [first, ...inner] = from;
  const child = first === undefined ? undefined : origin.children.get(first);
  const nested =
    first === undefined || child === undefined || inner.length === 0
      ? undefined
      : {
          key: first,
          plan: planFork(child, inner, { ...options, outputs: new Map() }, definitions, [...place, first]),
        };
  const made = plan(origin, first === undefined ? [] : cutsOf(origin, first), nested, options);
  const definition = definitions.get(place.join('/'));
  return definition === undefined ? made : { ...made, definition };
}

/**
 * What a resumed run keeps: everything finished except the step whose failure ended the run and what is downstream of
 * it. Failures that the run had dealt with stay as they are, among them calls of which nobody knows whether they
 * happened. Error: `conflict` when the run has taken back what it did.
 */
export function planResume(
  origin: StoredRecording,
  options: Pick<PlanOptions, 'executors'>,
): { readonly plan: ForkPlan; readonly from: readonly string[] } {
  const { row, recording } = origin;
  const undone = recording.steps.find((step) =>
    options.executors[recording.run.target.kind]?.isCompensation?.(step.key),
  );
  if (undone !== undefined)
    throw new AppError(
      'conflict',
      `run "${row.id}" has taken back what it had done (step "${undone.key}"), so there is nothing to go on from; retry it`,
    );
  const shared: PlanOptions = { ...options, outputs: new Map(), approvals: 'keep' };
  const culprit = culpritOf(origin);
  if (culprit === undefined) return { plan: plan(origin, [], undefined, shared), from: [] };
  const child = origin.children.get(culprit);
  const status = child?.row.status;
  if (child === undefined || !(status === 'failed' || status === 'timeout'))
    return { plan: plan(origin, [culprit], undefined, shared), from: [culprit] };
  const inner = planResume(child, options);
  return {
    plan: plan(origin, [culprit], { key: culprit, plan: inner.plan }, shared),
    from: [culprit, ...inner.from],
  };
}

/** The failed step that ended the run: the last one whose error is, or is told in, the run's own. */
function culpritOf(origin: StoredRecording): string | undefined {
  const { steps, ending } = origin.recording;
  const ended = ending.error;
  if (ended === null) return undefined;
  const candidates = steps
    .flatMap((step) => {
      const error = failureOf(step);
      return error === undefined ? [] : [{ step, error }];
    })
    .toSorted((one, two) => ((one.step.ended_at ?? '') < (two.step.ended_at ?? '') ? 1 : -1));
  const exact = candidates.find(({ error }) => error.code === ended.code && error.message === ended.message);
  const told = candidates.find(({ error }) => error.message !== '' && ended.message.includes(error.message));
  return (exact ?? told)?.step.key;
}

function failureOf(step: RecordedStep): SerializedError | undefined {
  if (step.status === 'failed') return step.error ?? undefined;
  if (step.kind !== 'run' || !isJsonObject(step.output) || step.output['status'] === 'completed')
    return undefined;
  const error = step.output['error'];
  return isJsonObject(error) ? (error as unknown as SerializedError) : undefined;
}

function plan(
  origin: StoredRecording,
  from: readonly string[],
  nested: { readonly key: string; readonly plan: ForkPlan } | undefined,
  options: PlanOptions,
): ForkPlan {
  const { recording } = origin;
  const executor = options.executors[recording.run.target.kind];
  const byKey = new Map(recording.steps.map((step) => [step.key, step]));
  const isDownstream = (cut: string, key: string): boolean => {
    if (executor?.isDownstream !== undefined)
      return executor.isDownstream(recording.run.definition, cut, key);
    const [before, after] = [byKey.get(cut), byKey.get(key)];
    if (before === undefined || after === undefined) return false;
    return after.started_at >= (before.ended_at ?? before.started_at);
  };
  const cuts = [...from, ...options.outputs.keys()];
  const isBehindCut = (key: string): boolean => cuts.some((cut) => cut !== key && isDownstream(cut, key));
  for (const key of options.outputs.keys()) {
    if (!byKey.has(key))
      throw new AppError(
        'invalid_request',
        `set: steps.${key}: there is no step "${key}"${didYouMean(key, [...byKey.keys()])}`,
      );
    if (isBehindCut(key))
      throw new AppError(
        'invalid_request',
        `set: steps.${key}: the step is done again, because it is behind "${from[0] ?? ''}"; its output cannot be set`,
      );
  }
  const isDropped = (key: string): boolean =>
    !options.outputs.has(key) && (from.includes(key) || isBehindCut(key));
  const finished = recording.steps.filter(
    (step) =>
      (step.status !== 'started' || options.outputs.has(step.key)) &&
      !isDropped(step.key) &&
      executor?.isCompensation?.(step.key) !== true,
  );
  const kept =
    options.approvals === 'keep'
      ? finished
      : finished.filter(
          (step) =>
            step.kind !== 'approval' ||
            finished.some((other) => other.kind !== 'approval' && isDownstream(step.key, other.key)),
        );
  const keep = kept.map((step) => step.key);

  const children = new Map<string, { ended: boolean; plan: ForkPlan }>();
  for (const [key, child] of origin.children) {
    if (nested?.key === key) children.set(key, { ended: false, plan: nested.plan });
    else if (isDropped(key) || options.outputs.has(key)) continue;
    else {
      const whole = plan(child, [], undefined, { ...options, outputs: new Map() });
      children.set(key, { ended: keep.includes(key), plan: whole });
    }
  }
  return { origin, keep, outputs: options.outputs, children };
}
