import { toAppError, type AppError, type JsonObject } from '../../base/index.ts';
import { isStepFailure } from './act-support.ts';
import type { Compensation, Execution } from './execution.ts';
import { runAct } from './run-act.ts';
import type { Frame } from './run-values.ts';
import { StepSite } from './step-site.ts';
import { stepKeys } from './step-keys.ts';
import { StopScope } from './stop-scope.ts';
import { compareRanks } from './writes.ts';

/** A compensation that did not work. */
export interface FailedCompensation {
  readonly step: string;
  readonly error: AppError;
}

/**
 * Undoes what was done, the last first: one after the other, each journaled. One that fails is reported and does not keep
 * the others from being done. Throws only what ends the execution.
 */
export async function compensateAll(
  execution: Execution,
  frame: Frame,
): Promise<readonly FailedCompensation[]> {
  const failed: FailedCompensation[] = [];
  const stop = new StopScope();
  const inReverse = execution.compensations.toSorted((one, two) => compareRanks(two.rank, one.rank));
  for (const one of inReverse) {
    const { context } = execution;
    context.signal.throwIfAborted();
    try {
      await undo(execution, frame, stop, one);
    } catch (error) {
      if (!isStepFailure(error)) throw error;
      context.logger.warn({ error, step: one.key }, 'compensation failed');
      failed.push({ step: one.key, error: toAppError(error) });
    }
  }
  return failed;
}

async function undo(execution: Execution, frame: Frame, stop: StopScope, one: Compensation): Promise<void> {
  const { step } = one.node;
  const { compensate } = step;
  if (compensate === undefined) return;
  const action = execution.deps.actions.get(compensate.action);
  const given = Object.entries(compensate.inputs as JsonObject);
  const literal = Object.fromEntries(given.filter(([name]) => action.literal.includes(name)));
  const templates = Object.fromEntries(given.filter(([name]) => !action.literal.includes(name)));
  const evaluated = execution.deps.expressions.evaluate(templates, one.scope()) as JsonObject;
  const site = new StepSite({
    execution,
    frame: { ...frame, looped: true },
    node: {
      ...one.node,
      step: {
        id: step.id,
        action: compensate.action,
        inputs: compensate.inputs,
        dependsOn: [],
        onError: 'fail',
        ...(step.name === undefined ? {} : { name: `${step.name} (undone)` }),
      },
      action,
      dependencies: [],
      handles: [],
      evaluated,
      literal,
      templates: { inputs: false, reads: [] },
      bodies: undefined,
    },
    stop,
    error: undefined,
  });
  site.to({ type: 'met' });
  await runAct({ site, key: stepKeys.undo(one.key), rank: one.rank, locals: {}, writes: site.before });
}
