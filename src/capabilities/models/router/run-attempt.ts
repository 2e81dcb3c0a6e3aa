import { AppError, toAppError, type Clock, type JsonObject, type Logger } from '../../../base/index.ts';
import type { Usage } from '../../../protocol/index.ts';
import {
  answerCount,
  mostInputTokens,
  type Admission,
  type AdmissionRequest,
  type BilledDeployment,
} from '../../accounting/index.ts';
import type { LLMProvider } from '../provider.ts';
import type { ErrorVerdict } from './classify-error.ts';
import type { Attempt, Begun, DispatchRequest, DispatcherDeps } from './dispatch.ts';
import type { DispatcherMetrics } from './dispatcher-metrics.ts';
import type { GroupPlan } from './group-plan.ts';
import type { OutcomeRecorder } from './outcome-recorder.ts';
import { outputLimit } from './output-limit.ts';

/** What attempts stand on. */
export interface AttemptDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DispatcherMetrics;
  readonly outcomes: OutcomeRecorder;
  readonly admit: DispatcherDeps['admit'];
}

/** One attempt to be made. */
export interface AttemptPlan {
  readonly plan: GroupPlan;
  readonly index: number;
  readonly params: JsonObject;
  readonly overrides: JsonObject | undefined;
  readonly attempt: number;
  readonly request: DispatchRequest;
  /** The answer has to begin within this time. */
  readonly beginWithinMs: number;
  /** End of the whole call, epoch milliseconds. */
  readonly endMs: number;
}

/** What came of it. `refused`: the deployment has no room, it was not called. `ended`: the whole call is over. */
export type AttemptResult<T> =
  | { readonly kind: 'begun'; readonly value: T; readonly tookMs: number }
  | {
      readonly kind: 'failed';
      readonly error: AppError;
      readonly verdict: ErrorVerdict;
      readonly tookMs: number;
    }
  | { readonly kind: 'refused'; readonly error: AppError }
  | { readonly kind: 'ended'; readonly error: unknown };

/** An answer whose call was aborted has this long to say how it ended. */
const graceMs = 5000;

/** Who aborts or runs out of time has used at least the input. */
function inputOnly(request: DispatchRequest): Usage {
  return { inputTokens: request.inputTokens, outputTokens: 0, costUsd: null };
}

/** What is to be admitted: the request with the parameters under and above it. Looked at where something is limited. */
function admissionOf(
  { request, params: under, overrides, endMs }: AttemptPlan,
  deployment: BilledDeployment,
): AdmissionRequest {
  const { caller, operation, stream, inputTokens } = request;
  const params = overrides === undefined ? under : { ...under, ...overrides };
  const maxOutputTokens =
    (overrides === undefined ? undefined : outputLimit(overrides)) ?? request.maxOutputTokens;
  const adds = Object.keys(params).length > 0;
  return {
    caller,
    deployment,
    operation,
    stream,
    inputTokens,
    maxOutputTokens,
    deadlineMs: endMs,
    get mostInputTokens() {
      const { mostInputTokens: most } = request;
      return adds ? most + mostInputTokens(params, Buffer.byteLength(JSON.stringify(params))) : most;
    },
    get answers() {
      const { answers = 1 } = request;
      return adds ? Math.max(answers, answerCount(params)) : answers;
    },
  };
}

const tooSlowLimits = (cause?: unknown): AppError =>
  new AppError('timeout', 'The limits of the call could not be checked in time.', { cause });

/**
 * Admits and calls one deployment. Whatever happens, what was admitted is settled once, the place in flight is given back,
 * and the deployment's health knows. Bounded by the caller's signal and its own deadlines even if the attempt heeds neither.
 */
export async function runAttempt<T>(
  deps: AttemptDeps,
  planned: AttemptPlan,
  attempt: Attempt<T>,
): Promise<AttemptResult<T>> {
  const { clock, logger, metrics, outcomes } = deps;
  const { plan, index, request, endMs } = planned;
  const deployment = plan.deployments[index];
  const health = plan.health[index];
  const billed = plan.billed[index];
  if (deployment === undefined || health === undefined || billed === undefined)
    throw new TypeError('a pick that is in no plan');
  const startedMs = clock.now();
  const probe = !health.healthy;
  if (probe) health.probing = true;
  health.inFlight += 1;
  health.lastUsedMs = startedMs;

  const controller = new AbortController();
  let timedOut = false;
  let onStop: ((reason: unknown) => void) | undefined;
  const stop = (reason: unknown): void => {
    controller.abort(reason);
    onStop?.(reason);
  };
  const onAbort = (): void => stop(request.signal.reason);
  const deadline = (milliseconds: number): (() => void) =>
    clock.after(Math.max(0, milliseconds), () => {
      timedOut = true;
      stop(new DOMException(`no answer within ${milliseconds} ms`, 'TimeoutError'));
    });
  request.signal.addEventListener('abort', onAbort, { once: true });
  let cancelDeadline = deadline(planned.beginWithinMs);
  const leave = (): void => {
    cancelDeadline();
    request.signal.removeEventListener('abort', onAbort);
    health.inFlight -= 1;
    if (probe) health.probing = false;
    plan.room.release();
  };

  let provider: LLMProvider;
  try {
    provider = deployment.provider();
  } catch (thrown) {
    leave();
    const error = toAppError(thrown);
    return { kind: 'failed', error, verdict: outcomes.failed(plan, index, error, startedMs), tookMs: 0 };
  }

  let admission: Admission;
  try {
    admission = await deps.admit(admissionOf(planned, billed), controller);
  } catch (thrown) {
    leave();
    if (request.signal.aborted) return { kind: 'ended', error: request.signal.reason };
    if (timedOut) return { kind: 'ended', error: tooSlowLimits(thrown) };
    const error = toAppError(thrown);
    const limited = error.code === 'rate_limited' || error.code === 'budget_exceeded';
    return { kind: limited && error.details?.['deployment'] !== undefined ? 'refused' : 'ended', error };
  }

  const calledMs = clock.now();
  let firstTokenMs: number | undefined;
  let over = false;
  let called = false;
  const finish = (status: string, usage: Usage | undefined, estimated: boolean): void => {
    if (over) return;
    over = true;
    leave();
    const nowMs = clock.now();
    const durationMs = nowMs - calledMs;
    const used = usage === undefined ? 0 : usage.inputTokens + usage.outputTokens;
    if (called) health.window.add('tokens', used - request.inputTokens, nowMs);
    let billedUsage = usage;
    try {
      billedUsage = admission.settle({
        status,
        usage,
        estimated,
        durationMs,
        firstTokenMs,
        attempts: planned.attempt,
      });
    } catch (error) {
      logger.error({ deployment: deployment.id, error }, 'what a model call used could not be written down');
    }
    metrics.ended({ deployment, provider: provider.name, status, durationMs, usage: billedUsage });
  };

  if (controller.signal.aborted) {
    finish(request.signal.aborted ? 'cancelled' : 'timeout', undefined, false);
    return { kind: 'ended', error: request.signal.aborted ? request.signal.reason : tooSlowLimits() };
  }
  called = true;
  health.window.add('starts', 1, calledMs);
  health.window.add('tokens', request.inputTokens, calledMs);
  metrics.picked(plan.name, deployment.id);

  let begun: Begun<T>;
  try {
    begun = await new Promise<Begun<T>>((resolve, reject) => {
      onStop = reject;
      attempt({
        deployment,
        provider,
        params: planned.params,
        ...(planned.overrides === undefined ? {} : { overrides: planned.overrides }),
        maxOutputTokens: admission.maxOutputTokens,
        signal: controller.signal,
        attempt: planned.attempt,
      }).then(resolve, reject);
    });
  } catch (thrown) {
    const nowMs = clock.now();
    const tookMs = nowMs - calledMs;
    if (request.signal.aborted) {
      finish('cancelled', inputOnly(request), true);
      return { kind: 'ended', error: request.signal.reason };
    }
    const error = timedOut
      ? new AppError('timeout', `The model ${plan.name} did not answer within ${tookMs / 1000} s.`, {
          details: { deployment: deployment.id },
          cause: thrown,
        })
      : toAppError(thrown);
    // Silence, and an answer that breaks off or cannot be read, are paid for all the same.
    const answered = error.details?.['status'] !== undefined;
    const unknown = timedOut || (!answered && (error.code === 'upstream_error' || error.code === 'timeout'));
    finish(error.code, unknown ? inputOnly(request) : undefined, unknown);
    if (error.code === 'timeout') health.latency.sawFirstToken(tookMs, nowMs);
    return { kind: 'failed', error, verdict: outcomes.failed(plan, index, error, nowMs), tookMs };
  }

  const begunMs = clock.now();
  const tookMs = begunMs - calledMs;
  outcomes.begun(plan, index, begunMs);
  if (request.stream) {
    firstTokenMs = tookMs;
    health.latency.sawFirstToken(tookMs, begunMs);
    metrics.firstToken(provider.name, deployment.model, tookMs);
  }
  // From here on only the whole is bounded, and the deadline of the beginning no longer counts.
  cancelDeadline();
  cancelDeadline = deadline(Math.min(endMs, calledMs + (deployment.timeouts.totalMs ?? Infinity)) - begunMs);
  onStop = () => {
    // `finish` takes this back; an answer that says nothing after its end was called for is written off.
    cancelDeadline();
    cancelDeadline = clock.after(graceMs, () =>
      finish(timedOut ? 'timeout' : 'cancelled', inputOnly(request), true),
    );
  };
  void begun.done.then(({ status, usage, estimated }) => {
    if (over) return;
    const nowMs = clock.now();
    if (status === 'ok' && usage !== undefined) {
      const writingMs = nowMs - (request.stream ? begunMs : calledMs);
      health.latency.sawAnswer(writingMs, usage.outputTokens, request.stream, nowMs);
    }
    finish(status, usage, estimated);
    outcomes.ended(plan, index, status, nowMs);
  });
  return { kind: 'begun', value: begun.value, tookMs };
}
