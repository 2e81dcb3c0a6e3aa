import { choose } from './choose.ts';
import { filterDeployments, filterNeed, suits } from './filter-deployments.ts';
import type { GroupPlan } from './group-plan.ts';
import type { PickQuery } from './pick-query.ts';
import { verdict } from './verdict.ts';

/** Who takes a call. */
export interface Pick {
  /** Index in the plan; -1: nobody can. */
  readonly index: number;
  /** Whom the filters looked at: nobody, as none could be left out; the picked one alone; everybody, see `plan.verdicts`. */
  readonly looked: 'nobody' | 'one' | 'all';
}

/**
 * Filters and strategy. Where only the filters of single deployments apply, the strategy chooses first and the rest is
 * looked at only when its choice does not suit: the outcome has the same chances. Counts nothing and changes no health.
 * `cooling`: does any deployment of the process rest? `all`: look at everybody in any case.
 */
export function pickDeployment(
  plan: GroupPlan,
  query: PickQuery,
  nowMs: number,
  cooling: boolean,
  random: () => number,
  all = false,
): Pick {
  const looked = all ? 'all' : filterNeed(plan, query, cooling);
  if (looked !== 'all') {
    const index = choose(plan, plan.everyone, plan.everyone.length, query, nowMs, random);
    if (looked === 'nobody' || suits(plan, query, index, nowMs)) return { index, looked };
  }
  let count = filterDeployments(plan, query, nowMs, cooling, false);
  // Better a second call to one that is being tried than none at all.
  if (count === 0 && cooling && plan.verdicts.includes(verdict.cooledDown))
    count = filterDeployments(plan, query, nowMs, cooling, true);
  const index = count === 0 ? -1 : choose(plan, plan.eligible, count, query, nowMs, random);
  return { index, looked: 'all' };
}
