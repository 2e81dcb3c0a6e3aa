import { filterTags } from './filter-tags.ts';
import type { GroupPlan } from './group-plan.ts';
import { marks, type PickQuery } from './pick-query.ts';
import { verdict } from './verdict.ts';

/** Is a deployment in a region? `eu` holds `eu-west-1`; whose region is unknown is in none. */
function isIn(region: string, wanted: string): boolean {
  const have = region.toLowerCase();
  const want = wanted.toLowerCase();
  return have === want || have.startsWith(`${want}-`);
}

/** Has a deployment no room for the call, by what this process knows of it? */
function isFull(plan: GroupPlan, at: number, query: PickQuery, nowMs: number): boolean {
  const health = plan.health[at];
  if (health === undefined || health.inFlight >= (plan.parallel[at] ?? Infinity)) return true;
  const rpm = plan.rpm[at] ?? Infinity;
  const tpm = plan.tpm[at] ?? Infinity;
  if (rpm === Infinity && tpm === Infinity) return false;
  health.window.advance(nowMs);
  return health.window.starts + 1 > rpm || health.window.tokens + query.inputTokens > tpm;
}

/** True when no filter can leave anybody out, so that nobody needs to be looked at. `cooling`: does any deployment? */
export function needsNoFilter(plan: GroupPlan, query: PickQuery, cooling: boolean): boolean {
  const { settings } = plan;
  return (
    (!cooling || query.ignoreCooldown) &&
    query.marked === undefined &&
    !plan.anyLimit &&
    plan.allServe[query.operation] &&
    query.windowAbove < 0 &&
    (!settings.preCallChecks || (!plan.anyOrder && query.inputTokens <= plan.smallestContext)) &&
    query.region === undefined &&
    (!query.tagging || (!plan.tags.any && query.tags.length === 0))
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
  evenProbed: boolean,
): number {
  const { verdicts, eligible, settings, contextWindow } = plan;
  const serves = plan.serves[query.operation];
  const { marked, region, windowAbove } = query;
  const size = verdicts.length;
  for (let at = 0; at < size; at += 1) {
    const health = plan.health[at];
    const window = contextWindow[at] ?? Infinity;
    let found: number = verdict.eligible;
    if (
      health !== undefined &&
      !health.healthy &&
      !query.ignoreCooldown &&
      !(health.isOpen(nowMs) || (evenProbed && nowMs >= health.coolingUntilMs))
    )
      found = verdict.cooledDown;
    else if (marked !== undefined && marked[at] === marks.tried) found = verdict.tried;
    else if (serves[at] === 0) found = verdict.mode;
    else if (window <= windowAbove || (settings.preCallChecks && query.inputTokens > window))
      found = verdict.contextWindow;
    else if (region !== undefined && !isIn(plan.deployments[at]?.region ?? '', region))
      found = verdict.region;
    verdicts[at] = found;
  }
  if (query.tagging && (plan.tags.any || query.tags.length > 0)) filterTags(plan, query);
  let lowest = Infinity;
  for (let at = 0; at < size; at += 1) {
    if (verdicts[at] !== verdict.eligible) continue;
    if (
      (marked !== undefined && marked[at] === marks.refused) ||
      (plan.anyLimit && isFull(plan, at, query, nowMs))
    )
      verdicts[at] = verdict.limit;
    else lowest = Math.min(lowest, plan.order[at] ?? Infinity);
  }
  const ordered = settings.preCallChecks && plan.anyOrder;
  let count = 0;
  for (let at = 0; at < size; at += 1) {
    if (verdicts[at] !== verdict.eligible) continue;
    if (ordered && (plan.order[at] ?? Infinity) > lowest) verdicts[at] = verdict.order;
    else {
      eligible[count] = at;
      count += 1;
    }
  }
  return count;
}
