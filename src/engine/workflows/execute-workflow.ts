import { AppError, fromSerializedError, toAppError, type JsonObject } from '../../base/index.ts';
import type { RunContext, RunResult } from '../runs/index.ts';
import { isStepFailure } from './act-support.ts';
import { compensateAll } from './compensate.ts';
import { Execution, firstFailure } from './execution.ts';
import type { Program } from './program.ts';
import { runBody } from './run-body.ts';
import type { Frame } from './run-values.ts';
import { Slots } from './slots.ts';
import { BranchStopped, StopScope } from './stop-scope.ts';
import type { ExecutionDeps } from './workflow-deps.ts';
import { textOfOutput, workflowOutput } from './workflow-output.ts';
import { noWrites } from './writes.ts';

/**
 * Executes a workflow once, from the top; what earlier executions finished answers from the journal. Throws the failure
 * that ends the run, after what was done has been undone where the definition says how.
 */
export async function executeWorkflow(
  program: Program,
  inputs: JsonObject,
  deps: ExecutionDeps,
  context: RunContext,
): Promise<RunResult> {
  const root = new StopScope();
  const onAbort = (): void => root.stop(new BranchStopped());
  if (context.signal.aborted) onAbort();
  else context.signal.addEventListener('abort', onAbort, { once: true });
  const { limits } = program.definition.spec;
  const slots = new Slots(limits.concurrency);
  const execution = new Execution({ program, deps, context, inputs, slots, root, runBody });
  const frame: Frame = {
    body: program.body,
    parent: undefined,
    prefix: '',
    locals: {},
    rank: [],
    writes: noWrites,
    survivable: false,
    looped: false,
    results: program.body.nodes.map(() => undefined),
  };
  try {
    await runBody(execution, frame, root, undefined);
    context.signal.throwIfAborted();
    const failure = firstFailure(execution.failures);
    if (failure !== undefined) throw fromSerializedError(failure.error);
    const output = workflowOutput(execution, frame);
    return { output, text: textOfOutput(output), messages: [] };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isStepFailure(error)) throw error;
    throw await afterCompensation(execution, frame, error);
  } finally {
    context.signal.removeEventListener('abort', onAbort);
  }
}

/** Undoes what was done; the first cause stays the error, what could not be undone is told with it. */
async function afterCompensation(execution: Execution, frame: Frame, cause: AppError): Promise<AppError> {
  if (execution.compensations.length === 0) return cause;
  const failed = await compensateAll(execution, frame);
  if (failed.length === 0) return cause;
  const words = failed.map(({ step, error }) => `"${step}": ${error.message}`).join('; ');
  return new AppError(cause.code, `${cause.message} (and could not be undone: ${words})`, {
    retryable: cause.retryable,
    cause,
    details: {
      ...cause.details,
      compensation_failures: failed.map(({ step, error }) => ({ step, ...toAppError(error).toJSON() })),
    },
  });
}
