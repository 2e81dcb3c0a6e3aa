import type { Considered } from './dispatch.ts';
import type { GroupPlan } from './group-plan.ts';
import type { PickQuery } from './pick-query.ts';

const seconds = (milliseconds: number): string => `${Math.round(milliseconds / 100) / 10} s`;
const limitOf = (value: number | undefined): string =>
  value === undefined || value === Infinity ? 'unlimited' : String(value);

function strategyDetail(plan: GroupPlan, at: number, nowMs: number): string {
  const { health, deployments, settings } = plan;
  const one = health[at];
  const deployment = deployments[at];
  if (one === undefined || deployment === undefined) return '';
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
  return '';
}

/** A few words beside a verdict: what decided it, or what the strategy looks at; empty where there is nothing to say. */
export function describeConsidered(
  plan: GroupPlan,
  query: PickQuery,
  at: number,
  considered: Considered,
  nowMs: number,
): string {
  const one = plan.health[at];
  const deployment = plan.deployments[at];
  if (one === undefined || deployment === undefined) return '';
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
      return deployment.mode ?? '';
    case 'limit':
      one.window.advance(nowMs);
      return `${one.inFlight} of ${limitOf(plan.parallel[at])} at once, ${one.window.starts} of ${limitOf(plan.rpm[at])} calls, ${one.window.tokens} of ${limitOf(plan.tpm[at])} tokens in the last minute`;
    case 'picked':
    case 'eligible':
      return strategyDetail(plan, at, nowMs);
    case 'tried':
      return '';
  }
  return '';
}
