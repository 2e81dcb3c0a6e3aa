import { AppError, type Json, type JsonObject, type SerializedError } from '../../base/index.ts';
import { isStepFailure, pauseDurably } from './act-support.ts';
import type { ActResult } from './perform-action.ts';
import type { Node } from './program.ts';
import { runAct } from './run-act.ts';
import type { StepResult } from './run-values.ts';
import { stepKeys } from './step-keys.ts';
import type { StepSite } from './step-site.ts';
import type { AfterFailure } from './step-state.ts';
import { BranchStopped } from './stop-scope.ts';
import type { Rank, Writes } from './writes.ts';

/** A failure of some elements of a loop that went on all the same. */
class ElementsFailed extends Error {
  readonly failure: AppError;
  readonly result: ActResult;

  constructor(failure: AppError, result: ActResult) {
    super(failure.message);
    this.failure = failure;
    this.result = result;
  }
}

/** Where a step stands in its loops. */
interface Turn {
  readonly key: string;
  readonly rank: Rank;
  readonly locals: JsonObject;
  readonly writes: Writes;
}

/** Does the act, again and again where the step repeats until something holds. */
async function runIterations(site: StepSite, turn: Turn): Promise<ActResult> {
  const repeat = site.node.step.repeatUntil;
  if (repeat === undefined) return runAct({ site, ...turn });
  const { expressions } = site.execution.deps;
  let output: Json = null;
  let { writes } = turn;
  for (let iteration = 0; iteration < repeat.maxIterations; iteration += 1) {
    const key = stepKeys.iteration(turn.key, iteration);
    if (iteration > 0 && repeat.delay > 0) {
      const delayKey = stepKeys.delay(key);
      await pauseDurably<Json>(site, delayKey, async () => {
        await site.execution.context.sleep(delayKey, repeat.delay);
        return null;
      });
    }
    const locals: JsonObject = { ...turn.locals, iteration, output };
    const result: ActResult = await runAct({
      site,
      key,
      rank: [...turn.rank, iteration],
      locals,
      writes,
    });
    ({ output, writes } = result);
    if (expressions.condition(repeat.condition, site.scope(writes, { ...turn.locals, iteration, output })))
      return { output, writes, inner: undefined };
  }
  throw new AppError(
    'limit_exceeded',
    `repeat_until: "${repeat.condition}" did not hold after ${repeat.maxIterations} iterations`,
  );
}

/** The list of a loop. Error: `expression_failed` for anything else. */
function itemsOf(site: StepSite, items: string | readonly unknown[], turn: Turn): readonly Json[] {
  const { expressions } = site.execution.deps;
  const scope = site.scope(turn.writes, turn.locals);
  const template = typeof items === 'string' && !items.includes('{{') ? `{{ ${items} }}` : (items as Json);
  const list = expressions.evaluate(template, scope);
  if (Array.isArray(list)) return list as readonly Json[];
  const found = list === null ? 'nothing' : `a ${typeof list}`;
  throw new AppError('expression_failed', `for_each: expected a list, found ${found}`);
}

/** Does the act once for each element, a few at a time; outputs in the order of the elements. */
async function runElements(site: StepSite, turn: Turn): Promise<ActResult> {
  const { execution, frame, node } = site;
  const loop = node.step.forEach;
  if (loop === undefined) return runIterations(site, turn);
  const items = itemsOf(site, loop.items, turn);
  const goesOn = frame.survivable || node.step.onError !== 'fail';
  const outputs: Json[] = items.map(() => null);
  const writes: (Writes | undefined)[] = [];
  let failure: { readonly index: number; readonly error: AppError } | undefined;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      const element: Turn = {
        key: stepKeys.element(turn.key, index),
        rank: [...turn.rank, index],
        locals: { ...turn.locals, [loop.as]: items[index] ?? null, index },
        writes: turn.writes,
      };
      try {
        const result = await runIterations(site, element);
        outputs[index] = result.output;
        if (result.writes !== turn.writes) writes[index] = result.writes;
      } catch (error) {
        if (!isStepFailure(error)) throw error;
        const named = new AppError(error.code, `element ${index}: ${error.message}`, {
          retryable: error.retryable,
          details: { ...error.details, index },
        });
        if (failure === undefined || index < failure.index) failure = { index, error: named };
        // Nothing survives this: the other elements need not be done.
        if (!goesOn) {
          execution.fail({ key: element.key, rank: element.rank, error: failedIn(element.key, named) });
          throw new BranchStopped();
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(loop.concurrency, items.length) }, lane));
  let after = turn.writes;
  for (const written of writes) if (written !== undefined) after = after.with(written);
  const result: ActResult = { output: outputs, writes: after, inner: undefined };
  if (failure !== undefined) throw new ElementsFailed(failure.error, result);
  return result;
}

/** The error as the run tells it: which step it was. */
function failedIn(key: string, error: AppError): SerializedError {
  const details = { ...error.details };
  const inner = details['step'] !== undefined;
  return {
    code: error.code,
    message: inner ? error.message : `step "${key}": ${error.message}`,
    retryable: error.retryable,
    details: inner ? details : { ...details, step: key },
  };
}

function afterFailure(node: Node): AfterFailure {
  const { onError } = node.step;
  return typeof onError === 'object' ? 'goto' : onError;
}

/** Does a step whose time has come, from its condition to what its failure means. Throws only what ends the execution. */
export async function runStep(site: StepSite): Promise<StepResult> {
  const { execution, frame, node } = site;
  site.to({ type: 'met' });
  const turn: Turn = { key: site.key, rank: [...frame.rank, node.rank], locals: {}, writes: site.before };
  const { step } = node;
  try {
    if (step.when !== undefined) {
      const holds = execution.deps.expressions.condition(step.when, site.scope(site.before, {}));
      if (!holds) return site.end({ type: 'skipped', reason: 'when' });
    }
    const { output, writes, inner } = await runElements(site, turn);
    const once = step.forEach === undefined && step.repeatUntil === undefined;
    return site.end({ type: 'completed', output }, writes, once ? inner : undefined);
  } catch (error) {
    if (error instanceof BranchStopped || execution.context.signal.aborted)
      return site.end({ type: 'cancelled' });
    const partial = error instanceof ElementsFailed ? error.result : undefined;
    const failure = error instanceof ElementsFailed ? error.failure : error;
    if (!isStepFailure(failure)) throw error;
    const after = afterFailure(node);
    const serialized = failedIn(site.key, failure);
    if (after === 'fail' && !frame.survivable)
      execution.fail({ key: site.key, rank: turn.rank, error: serialized });
    return site.end(
      { type: 'failed', error: serialized, output: partial?.output ?? null, after },
      partial?.writes ?? site.before,
    );
  }
}
