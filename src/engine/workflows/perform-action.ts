import { AppError, withDeadline, type Json, type JsonObject } from '../../base/index.ts';
import { schemaFaults } from '../../capabilities/tools/index.ts';
import { RunInterruption } from '../runs/index.ts';
import { gate, isStepFailure, untilStopped } from './act-support.ts';
import type { Act } from './run-act.ts';
import type { Frame } from './run-values.ts';
import { writesAfter } from './run-values.ts';
import { stepKeys } from './step-keys.ts';
import { BranchStopped, StopScope } from './stop-scope.ts';
import type { ActionCall, DurableAction, GroupAction, StepAction } from './workflow-action.ts';
import type { Writes } from './writes.ts';

/** What an act came to. */
export interface ActResult {
  readonly output: Json;
  /** State of the run after it. */
  readonly writes: Writes;
  /** Inner steps of a group. */
  readonly inner: Frame | undefined;
}

function assertInputs(action: StepAction | DurableAction | GroupAction, inputs: JsonObject): void {
  const faults = schemaFaults(action.inputs, inputs);
  if (faults.length === 0) return;
  throw new AppError('invalid_request', faults.map((fault) => `inputs.${fault}`).join('; '), {
    details: { action: action.name },
  });
}

function timedOut(timeoutMs: number, cause?: AppError | BranchStopped): AppError {
  const message = `not done within ${timeoutMs} ms`;
  const details = cause instanceof AppError ? cause.details : undefined;
  return details === undefined
    ? new AppError('timeout', message)
    : new AppError('timeout', message, { details });
}

/** Would the act change something outside in a run that may not? */
export function mayNot(act: Pick<Act, 'site'>, inputs: JsonObject): boolean {
  const { action } = act.site.node;
  if (act.site.execution.context.effects === 'on' || action.mode !== 'step') return false;
  return schemaFaults(action.inputs, inputs).length === 0 && action.effect(inputs) !== 'none';
}

async function performStep(act: Act, action: StepAction, key: string, call: ActionCall): Promise<ActResult> {
  const { site, writes } = act;
  const { execution, node, stop } = site;
  const { context, deps } = execution;
  const { inputs } = call;
  gate(site, stop, key);
  const work = async (signal: AbortSignal, io: Parameters<StepAction['run']>[1]): Promise<Json> => {
    site.began();
    assertInputs(action, inputs);
    if (mayNot(act, inputs))
      throw new AppError(
        'tool_denied',
        `"${action.name}" may change something outside, and this run is a fork that was started without effects`,
      );
    return action.run(call, { ...io, signal, idempotencyKey: `${context.runId}:${act.key}` });
  };
  const step = context.step<Json>(
    key,
    action.kind,
    async (io) => {
      const { timeout } = node.step;
      const deadline = timeout === undefined ? undefined : withDeadline(deps.clock, timeout, stop.signal);
      try {
        if (deadline === undefined) return await work(stop.signal, io);
        return await Promise.race([work(deadline.signal, io), whenAborted(deadline.signal)]);
      } catch (error) {
        // What fails because it was stopped has not failed: its record stays open.
        if (stop.stopped) throw new RunInterruption('suspended', `step "${key}" was given up`);
        if (timeout !== undefined && deadline?.signal.aborted === true) throw timedOut(timeout);
        throw error;
      } finally {
        deadline?.clear();
      }
    },
    {
      input: { action: action.name, inputs },
      onDoubt: action.effect(inputs) === 'unkeyed' ? 'fail' : 'retry',
      writeBehind: action.kind === 'compute' && action.effect(inputs) === 'none',
      ...(node.step.name === undefined ? {} : { name: node.step.name }),
    },
  );
  const output = await untilStopped(stop, step, { clock: deps.clock });
  if (action.writes === undefined) return { output, writes, inner: undefined };
  if (action.writes === 'output') {
    execution.emitted = execution.emitted.adding(output as JsonObject, act.rank);
    return { output, writes, inner: undefined };
  }
  return { output, writes: writes.adding(output as JsonObject, act.rank), inner: undefined };
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

/**
 * Gives an act that outlives the process a deadline that does so too: a timer of the journal, beside the act. Once the
 * timer is recorded, only what was recorded too still answers.
 */
async function withinTimeout<T>(act: Act, key: string, work: (scope: StopScope) => Promise<T>): Promise<T> {
  const { site } = act;
  const { context } = site.execution;
  const { timeout } = site.node.step;
  if (timeout === undefined) return work(site.stop);
  const scope = new StopScope(site.stop);
  const timerKey = stepKeys.timeout(key);
  const passed = (): void => scope.stop(new DOMException(`not done within ${timeout} ms`, 'TimeoutError'));
  if (context.recorded(timerKey)) passed();
  if (!context.recorded(key) || site.node.action.mode === 'group' || context.recorded(timerKey))
    // A rejection is the end of the execution, which the act itself meets too.
    context.sleep(timerKey, timeout).then(passed, () => {});
  try {
    return await work(scope);
  } catch (error) {
    const gaveUp =
      error instanceof BranchStopped ||
      (error instanceof AppError && (error.code === 'timeout' || error.code === 'cancelled'));
    if (scope.stopped && !site.stop.stopped && gaveUp) throw timedOut(timeout, error);
    throw error;
  } finally {
    scope.close();
  }
}

async function performDurable(
  act: Act,
  action: DurableAction,
  key: string,
  call: ActionCall,
): Promise<ActResult> {
  const { site } = act;
  const { execution, node } = site;
  const { context, deps } = execution;
  assertInputs(action, call.inputs);
  const recorded = context.recorded(key);
  const perform = (stop: StopScope, timeoutMs: number | undefined): Promise<Json> => {
    gate(site, stop, key);
    if (!recorded && action.holdsSlot) site.began();
    else if (!recorded) site.waits();
    const work = action.run(call, { key, timeoutMs, signal: stop.signal, context });
    return untilStopped(stop, work, action.holdsSlot ? { clock: deps.clock } : undefined);
  };
  const output = action.holdsSlot
    ? await withinTimeout(act, key, (stop) => perform(stop, undefined))
    : await perform(site.stop, node.step.timeout);
  return { output, writes: act.writes, inner: undefined };
}

async function performGroup(
  act: Act,
  action: GroupAction,
  key: string,
  call: ActionCall,
): Promise<ActResult> {
  const { site, writes, rank, locals } = act;
  const { execution, node, frame } = site;
  const { context } = execution;
  const { step, bodies } = node;
  if (bodies === undefined) throw new AppError('internal', `step "${key}" has no inner steps`);
  gate(site, site.stop, key);
  assertInputs(action, call.inputs);
  const chosen = await context.step(
    key,
    'compute',
    () => {
      site.began();
      return Promise.resolve(action.choose(call));
    },
    { input: { action: action.name, inputs: call.inputs } },
  );
  const body = bodies[chosen];
  const inner: Frame = {
    body,
    parent: frame,
    prefix: stepKeys.prefix(key),
    locals: { ...site.locals, ...locals },
    rank,
    writes,
    survivable: frame.survivable || step.onError !== 'fail' || (step.retry?.attempts ?? 1) > 1,
    looped: frame.looped || step.forEach !== undefined || step.repeatUntil !== undefined,
    results: body.nodes.map(() => undefined),
  };
  await withinTimeout(act, key, async (stop) => {
    const outcome = await execution.runBody(execution, inner, stop, action.concurrency(call.inputs));
    if (outcome.failure !== undefined) {
      const { code, message, retryable } = outcome.failure.error;
      throw new AppError(code, message, { retryable, details: outcome.failure.error.details ?? {} });
    }
    if (outcome.cancelled) throw new BranchStopped();
  });
  const outputs: Record<string, Json> = {};
  for (const one of body.nodes) {
    const state = inner.results[one.place]?.state;
    if (state?.status === 'completed' || state?.status === 'failed') outputs[one.step.id] = state.output;
  }
  return { output: action.outcome(outputs, chosen), writes: writesAfter(inner), inner };
}

/** Does the action of a step once, under one key. Throws what it failed with, or `BranchStopped`. */
export async function perform(act: Act, key: string, call: ActionCall): Promise<ActResult> {
  const { action } = act.site.node;
  if (action.mode === 'step') return performStep(act, action, key, call);
  try {
    if (action.mode === 'durable') return await performDurable(act, action, key, call);
    return await performGroup(act, action, key, call);
  } catch (error) {
    if (act.site.stop.stopped && !isStepFailure(error) && !act.site.execution.context.signal.aborted)
      throw new BranchStopped();
    throw error;
  }
}
