import type { Considered, DispatchRequest, RouteStep } from './dispatch.ts';
import { fallbackTargets, type NextTarget } from './fallback-targets.ts';
import type { Found, GroupDirectory } from './group-directory.ts';
import type { GroupPlan } from './group-plan.ts';
import { queryOf } from './group-turn.ts';
import { noDeploymentError } from './no-deployment-error.ts';
import { pickDeployment } from './pick-deployment.ts';
import type { PickQuery } from './pick-query.ts';
import { consideredOf } from './route-log.ts';

const seconds = (milliseconds: number): string => `${Math.round(milliseconds / 100) / 10} s`;
const limitOf = (value: number | undefined): string =>
  value === undefined || value === Infinity ? 'unlimited' : String(value);

function strategyDetail(plan: GroupPlan, at: number, nowMs: number): string | undefined {
  const { health, deployments, settings } = plan;
  const one = health[at];
  const deployment = deployments[at];
  if (one === undefined || deployment === undefined) return undefined;
  switch (settings.strategy) {
    case 'weighted-shuffle':
      return `weight ${plan.weights[at]} of ${plan.cumulative.at(-1)}`;
    case 'least-busy':
      return `${one.inFlight} in flight`;
    case 'usage':
      one.window.advance(nowMs);
      return `${one.window.starts} of ${limitOf(plan.rpm[at])} calls, ${one.window.tokens} of ${limitOf(plan.tpm[at])} tokens`;
    case 'latency': {
      const { firstTokenMs, msPerToken } = one.latency;
      if (!one.latency.known) return 'not measured yet';
      const parts = [
        firstTokenMs === undefined ? [] : [`first token ${Math.round(firstTokenMs)} ms`],
        msPerToken === undefined ? [] : [`${msPerToken.toFixed(1)} ms per token`],
        [`${one.inFlight} in flight`],
      ];
      return parts.flat().join(', ');
    }
    case 'cost':
      return deployment.price === undefined
        ? 'price unknown'
        : `${deployment.price.inputPerMillion} + ${deployment.price.outputPerMillion} USD per million tokens`;
    case 'order':
      return deployment.order === undefined ? 'no order' : `order ${deployment.order}`;
  }
}

function detailOf(
  plan: GroupPlan,
  query: PickQuery,
  at: number,
  considered: Considered,
  nowMs: number,
): string | undefined {
  const one = plan.health[at];
  const deployment = plan.deployments[at];
  if (one === undefined || deployment === undefined) return undefined;
  switch (considered.verdict) {
    case 'cooled-down': {
      const why = one.lastError === undefined ? '' : ` after ${one.lastError.code}`;
      return one.coolingUntilMs > nowMs
        ? `for another ${seconds(one.coolingUntilMs - nowMs)}${why}`
        : `another call is trying it${why}`;
    }
    case 'context-window':
      return `about ${query.inputTokens} tokens, the window holds ${deployment.contextWindow}`;
    case 'region':
      return deployment.region ?? 'region unknown';
    case 'order':
      return `order ${deployment.order ?? 'missing'}`;
    case 'tags':
      return deployment.tags.length === 0 ? 'has no tags' : `has ${deployment.tags.join(', ')}`;
    case 'mode':
      return deployment.mode;
    case 'limit':
      one.window.advance(nowMs);
      return `${one.inFlight} of ${limitOf(plan.parallel[at])} at once, ${one.window.starts} of ${limitOf(plan.rpm[at])} calls, ${one.window.tokens} of ${limitOf(plan.tpm[at])} tokens in the last minute`;
    case 'picked':
    case 'eligible':
      return strategyDetail(plan, at, nowMs);
    case 'tried':
      return undefined;
  }
}

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
  const pick = pickDeployment(plan, query, nowMs, deps.directory.tally.cooling > 0, deps.random);
  const considered = consideredOf(plan, pick.filtered ? plan.verdicts : undefined, pick.index);
  const error = pick.index < 0 ? noDeploymentError(plan, query, nowMs) : undefined;
  return {
    group: plan.name,
    reason,
    strategy: plan.settings.strategy,
    considered: considered.map((one, at) => {
      const detail = detailOf(plan, query, at, one, nowMs);
      return detail === undefined ? one : { ...one, detail };
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
