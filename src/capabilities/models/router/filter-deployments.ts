import { filterTags } from './filter-tags.ts';
import type { GroupPlan } from './group-plan.ts';
import { marks, type PickQuery } from './pick-query.ts';
import { bucketOf } from './sliding-window.ts';
import { verdict } from './verdict.ts';

/** Is a deployment in a region? `eu` holds `eu-west-1`; whose region is unknown is in none. */
function isIn(region: string, wanted: string): boolean {
  const have = region.toLowerCase();
  const want = wanted.toLowerCase();
  return have === want || have.startsWith(`${want}-`);
}

/** Has a deployment no room for the call, by what this process knows of it? */
function isFull(plan: GroupPlan, at: number, query: PickQuery, nowMs: number, bucket: number): boolean {
  const health = plan.health[at];
  if (health === undefined || health.inFlight >= (plan.parallel[at] ?? Infinity)) return true;
  const { window } = health;
  if (window.bucket !== bucket) window.advance(nowMs);
  return (
    window.starts + 1 > (plan.rpm[at] ?? Infinity) ||
    window.tokens + query.inputTokens > (plan.tpm[at] ?? Infinity)
  );
}

/** What there is to look at for this call. */
interface Checks {
  readonly cooling: boolean;
  readonly context: boolean;
  readonly tags: boolean;
  readonly order: boolean;
}

/** Which filters can leave anybody out. `cooling`: does any deployment of the process rest? */
function checksFor(plan: GroupPlan, query: PickQuery, cooling: boolean): Checks {
  const { preCallChecks } = plan.settings;
  return {
    cooling: cooling && !query.ignoreCooldown,
    context: query.windowAbove >= 0 || (preCallChecks && query.inputTokens > plan.smallestContext),
    tags: query.tagging && (plan.tags.any || query.tags.length > 0),
    order: preCallChecks && plan.anyOrder,
  };
}

/** How much has to be looked at: nobody, only whom the strategy chooses, or everybody. */
export function filterNeed(plan: GroupPlan, query: PickQuery, cooling: boolean): 'nobody' | 'one' | 'all' {
  const { preCallChecks } = plan.settings;
  if (
    query.marked !== undefined ||
    query.windowAbove >= 0 ||
    (query.tagging && (plan.tags.any || query.tags.length > 0)) ||
    (preCallChecks && plan.anyOrder)
  )
    return 'all';
  return (!cooling || query.ignoreCooldown) &&
    !plan.anyLimit &&
    plan.allServe[query.operation] &&
    query.region === undefined &&
    (!preCallChecks || query.inputTokens <= plan.smallestContext)
    ? 'nobody'
    : 'one';
}

/** The filters that look at one deployment alone, limits left out. */
function verdictOf(
  plan: GroupPlan,
  query: PickQuery,
  at: number,
  nowMs: number,
  evenProbed: boolean,
): number {
  const health = plan.health[at];
  if (health !== undefined && health.coolingUntilMs !== 0 && !query.ignoreCooldown) {
    if (nowMs < health.coolingUntilMs || (health.probing && !evenProbed)) return verdict.cooledDown;
  }
  if (query.marked !== undefined && query.marked[at] === marks.tried) return verdict.tried;
  if (plan.serves[query.operation][at] === 0) return verdict.mode;
  const window = plan.contextWindow[at] ?? Infinity;
  if (window <= query.windowAbove || (plan.settings.preCallChecks && query.inputTokens > window))
    return verdict.contextWindow;
  if (query.region !== undefined && !isIn(plan.deployments[at]?.region ?? '', query.region))
    return verdict.region;
  return verdict.eligible;
}

/** May this one take the call? Only where `filterNeed` says that nobody else matters. */
export function suits(plan: GroupPlan, query: PickQuery, at: number, nowMs: number): boolean {
  return (
    verdictOf(plan, query, at, nowMs, false) === verdict.eligible &&
    !(plan.anyLimit && isFull(plan, at, query, nowMs, bucketOf(nowMs)))
  );
}

/**
 * Decides about each deployment of the group: cool-down, tried, mode, context window, region, tags, limits, and last of all
 * `order`, so that a deployment that is out for another reason does not hide those after it. Fills `plan.verdicts` and
 * `plan.eligible` and returns how many are left. `evenProbed`: those that another call is trying count as open too.
 */
export function filterDeployments(
  plan: GroupPlan,
  query: PickQuery,
  nowMs: number,
  cooling: boolean,
  evenProbed: boolean,
): number {
  const { verdicts, eligible, anyLimit } = plan;
  const { marked } = query;
  const checks = checksFor(plan, query, cooling);
  const size = verdicts.length;
  if (
    !checks.cooling &&
    marked === undefined &&
    !checks.context &&
    plan.allServe[query.operation] &&
    query.region === undefined
  )
    verdicts.fill(verdict.eligible);
  else for (let at = 0; at < size; at += 1) verdicts[at] = verdictOf(plan, query, at, nowMs, evenProbed);
  if (checks.tags) filterTags(plan, query);
  const bucket = bucketOf(nowMs);
  let lowest = Infinity;
  let count = 0;
  for (let at = 0; at < size; at += 1) {
    if (verdicts[at] !== verdict.eligible) continue;
    if (
      (marked !== undefined && marked[at] === marks.refused) ||
      (anyLimit && isFull(plan, at, query, nowMs, bucket))
    ) {
      verdicts[at] = verdict.limit;
      continue;
    }
    eligible[count] = at;
    count += 1;
    if (checks.order) lowest = Math.min(lowest, plan.order[at] ?? Infinity);
  }
  if (!checks.order) return count;
  let first = 0;
  for (let place = 0; place < count; place += 1) {
    const at = eligible[place] ?? 0;
    if ((plan.order[at] ?? Infinity) > lowest) verdicts[at] = verdict.order;
    else {
      eligible[first] = at;
      first += 1;
    }
  }
  return first;
}
