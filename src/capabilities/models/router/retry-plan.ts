import type { ErrorClass, RouterSettings } from './deployment.ts';
import type { GroupPlan } from './group-plan.ts';

/** Whoever asks for a longer pause gets no second call from us; the caller decides. */
export const longestPauseMs = 60_000;

const implicitRetries = 2;
const implicitWaitsMs = [1000, 2000, 4000];
const firstWaitMs = 500;
const longestWaitMs = 8000;
const jitter = 0.25;

/** How often a failed call of a group is tried again. */
export interface RetryBudget {
  readonly count: number;
  /** Said for this request, deployment or class of errors, and not only for all: then it holds although a fallback waits. */
  readonly explicit: boolean;
  /** Said for this very class, so that it is tried again on the same deployment too. */
  readonly forClass: boolean;
}

type Policy = RouterSettings['retryPolicy'];

function fromPolicy(policy: Policy | undefined, kind: ErrorClass): RetryBudget | undefined {
  const own = policy?.[kind];
  if (own !== undefined) return { count: own, explicit: true, forClass: own > 0 };
  const other = policy?.Default;
  return other === undefined ? undefined : { count: other, explicit: true, forClass: false };
}

/** The request's own number, else the policy of group or router for the class, else the deployment's number, else the router's. */
export function retryBudget(
  plan: GroupPlan,
  kind: ErrorClass,
  own: { readonly request: number | undefined; readonly deployment: number | undefined },
  fallbackLeft: boolean,
): RetryBudget {
  if (own.request !== undefined) return { count: own.request, explicit: true, forClass: false };
  const { settings } = plan;
  if (plan.listed) {
    const policy =
      fromPolicy(settings.groupRetryPolicies.get(plan.name), kind) ?? fromPolicy(settings.retryPolicy, kind);
    if (policy !== undefined) return policy;
  }
  if (own.deployment !== undefined) return { count: own.deployment, explicit: true, forClass: false };
  if (!plan.listed) return { count: fallbackLeft ? 0 : implicitRetries, explicit: false, forClass: false };
  return { count: settings.numRetries, explicit: false, forClass: false };
}

/** Wait before asking a group again, in milliseconds; `undefined`: it asks for a longer pause than a call can wait. */
export function waitBeforeRetry(
  plan: GroupPlan,
  waits: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number | undefined {
  const least = plan.settings.retryAfterMs;
  if (retryAfterMs !== undefined)
    return retryAfterMs <= longestPauseMs ? Math.max(least, retryAfterMs) : undefined;
  if (!plan.listed) return Math.max(least, implicitWaitsMs[waits] ?? 4000);
  const full = Math.min(longestWaitMs, firstWaitMs * 2 ** waits);
  return Math.max(least, Math.round(full * (1 - jitter * random())));
}
