import { AppError } from '../../../base/index.ts';
import { beginCall, type CallProgress } from './call-progress.ts';
import type { Attempt, Dispatched, DispatchRequest } from './dispatch.ts';
import type { Deployment } from './deployment.ts';
import { fallbackTargets, type NextTarget } from './fallback-targets.ts';
import type { Found } from './group-directory.ts';
import { GroupTurn, type TurnDeps } from './group-turn.ts';

/** Errors that another model would meet just the same. */
const noFallback = new Set(['cancelled', 'invalid_request', 'egress_denied']);

/** The error as it is told to the caller: with what the call has tried. */
function finalError(call: CallProgress<unknown>, error: AppError): AppError {
  return new AppError(error.code, error.message, {
    details: { ...error.details, attempts: call.attempts, groups: call.groups },
    retryable: error.retryable,
    cause: error.cause ?? error,
  });
}

function dispatched<T>(
  call: CallProgress<T>,
  value: T,
  deployment: Deployment,
  nowMs: number,
): Dispatched<T> {
  const { attempts, groups, log } = call;
  return {
    value,
    route: {
      deployment,
      attempts,
      groups,
      overheadMs: Math.max(0, nowMs - call.startMs - call.upstreamMs),
      get steps() {
        return log.steps();
      },
    },
  };
}

/** Takes a call from group to group until an answer begins. Errors as `Dispatcher.dispatch`. */
export async function dispatchCall<T>(
  deps: TurnDeps,
  request: DispatchRequest,
  attempt: Attempt<T>,
): Promise<Dispatched<T>> {
  const { clock, directory, logger, metrics } = deps;
  request.signal.throwIfAborted();
  const first = directory.find(request.target);
  const { settings } = first.plan;
  const startMs = clock.now();
  const call = beginCall(request, attempt, startMs, startMs + (request.timeoutMs ?? settings.timeoutMs));
  request.watch?.(() => call.log.steps());
  const { permits } = request;
  const isNew = ({ target }: NextTarget): boolean =>
    (permits === undefined || permits(target.model)) &&
    !call.groups.includes(directory.groupName(target.model));

  let found: Found = first;
  let next: NextTarget | undefined;
  let pending: readonly NextTarget[] = (request.fallbacks ?? []).map((target) => ({
    target,
    reason: 'fallback',
  }));
  for (let hops = 0; ; hops += 1) {
    const { plan } = found;
    call.groups.push(plan.name);
    const usual = fallbackTargets(plan.settings, plan.name, undefined);
    const ahead = pending.filter(isNew).length + usual.filter(isNew).length;
    const turn = new GroupTurn(deps, call, {
      found,
      reason: next?.reason ?? 'first',
      params: next?.target.params,
      fallbacksLeft: Math.min(ahead, settings.maxFallbacks - hops),
    });
    const result = await turn.run();
    if (result.kind === 'begun') return dispatched(call, result.value, result.deployment, clock.now());
    if (result.kind === 'ended') throw result.error;
    const { error } = result;
    if (noFallback.has(error.code) || clock.now() >= call.endMs || hops >= settings.maxFallbacks)
      throw finalError(call, error);
    const listed = fallbackTargets(plan.settings, plan.name, result.class);
    pending = next === undefined ? [...pending, ...listed] : [...listed, ...pending];
    next = undefined;
    while (next === undefined) {
      const [candidate, ...rest]: readonly NextTarget[] = pending;
      if (candidate === undefined) throw finalError(call, error);
      pending = rest;
      if (!isNew(candidate)) continue;
      try {
        found = directory.find(candidate.target.model);
        if (!call.groups.includes(found.plan.name)) next = candidate;
      } catch (cause) {
        logger.warn({ model: candidate.target.model, error: cause }, 'a fallback model cannot be used');
      }
    }
    logger.warn({ from: first.plan.name, to: found.plan.name, error }, 'falling back to another model');
    metrics.fellBack(first.plan.name, found.plan.name);
  }
}
