import { describeConsidered } from './describe-considered.ts';
import type { DispatchRequest, RouteStep } from './dispatch.ts';
import { fallbackTargets, type NextTarget } from './fallback-targets.ts';
import type { Found, GroupDirectory } from './group-directory.ts';
import { queryOf } from './group-turn.ts';
import { noDeploymentError } from './no-deployment-error.ts';
import { pickDeployment } from './pick-deployment.ts';
import { consideredOf } from './route-log.ts';

interface ExplainDeps {
  readonly directory: GroupDirectory;
  readonly now: () => number;
  readonly random: () => number;
}

function explainStep(
  deps: ExplainDeps,
  request: Omit<DispatchRequest, 'signal'>,
  { plan, byId }: Found,
  reason: RouteStep['reason'],
): RouteStep {
  const nowMs = deps.now();
  const query = queryOf(request, plan, byId);
  const pick = pickDeployment(plan, query, nowMs, deps.directory.tally.cooling > 0, deps.random, true);
  const considered = consideredOf(plan, plan.verdicts, pick.index);
  const error = pick.index < 0 ? noDeploymentError(plan, query, nowMs) : undefined;
  return {
    group: plan.name,
    reason,
    strategy: plan.settings.strategy,
    considered: considered.map((one, at) => {
      const detail = describeConsidered(plan, query, at, one, nowMs);
      return detail === '' ? one : { ...one, detail };
    }),
    picked: plan.deployments[pick.index]?.id,
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  };
}

/** What a call would meet now: its own group, then one step for each fallback that could follow. Changes nothing. */
export function explainCall(
  deps: ExplainDeps,
  request: Omit<DispatchRequest, 'signal'>,
): readonly RouteStep[] {
  const { directory } = deps;
  const first = directory.find(request.target);
  const { settings, name } = first.plan;
  const steps = [explainStep(deps, request, first, 'first')];
  const own = (request.fallbacks ?? []).map((target): NextTarget => ({ target, reason: 'fallback' }));
  const seen = new Set([name]);
  let pending = [
    ...own,
    ...fallbackTargets(settings, name, undefined),
    ...fallbackTargets(settings, name, 'ContextWindowExceeded').filter(
      ({ reason }) => reason === 'context-window-fallback',
    ),
    ...fallbackTargets(settings, name, 'ContentPolicyViolation').filter(
      ({ reason }) => reason === 'content-policy-fallback',
    ),
  ];
  while (pending.length > 0 && steps.length <= settings.maxFallbacks) {
    const [next, ...rest] = pending;
    pending = rest;
    if (next === undefined) break;
    if (request.permits?.(next.target.model) === false) continue;
    let found: Found;
    try {
      found = directory.find(next.target.model);
    } catch {
      continue;
    }
    if (seen.has(found.plan.name)) continue;
    seen.add(found.plan.name);
    steps.push(explainStep(deps, request, found, next.reason));
    pending = [...fallbackTargets(settings, found.plan.name, undefined), ...pending];
  }
  return steps;
}
