import { choose } from './choose.ts';
import { filterDeployments, needsNoFilter } from './filter-deployments.ts';
import type { GroupPlan } from './group-plan.ts';
import type { PickQuery } from './pick-query.ts';
import { verdict } from './verdict.ts';

/** Who takes a call. */
export interface Pick {
  /** Index in the plan; -1: nobody can. */
  readonly index: number;
  /** Verdicts are in `plan.verdicts`; otherwise everybody was eligible. */
  readonly filtered: boolean;
}

const open = Array.from({ length: 256 }, (_one, index): Pick => ({ index, filtered: false }));

/** Filters, then strategy. `cooling`: does any deployment of the process rest? Counts nothing and changes no health. */
export function pickDeployment(
  plan: GroupPlan,
  query: PickQuery,
  nowMs: number,
  cooling: boolean,
  random: () => number,
): Pick {
  const size = plan.deployments.length;
  if (needsNoFilter(plan, query, cooling)) {
    const index = choose(plan, plan.everyone, size, query, nowMs, random);
    return open[index] ?? { index, filtered: false };
  }
  let count = filterDeployments(plan, query, nowMs, false);
  // Better a second call to one that is being tried than none at all.
  if (count === 0 && cooling && plan.verdicts.includes(verdict.cooledDown))
    count = filterDeployments(plan, query, nowMs, true);
  if (count === 0) return { index: -1, filtered: true };
  return { index: choose(plan, plan.eligible, count, query, nowMs, random), filtered: true };
}
