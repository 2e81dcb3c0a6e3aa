import type { ErrorVerdict } from './classify-error.ts';
import type { Deployment, RouterSettings } from './deployment.ts';
import type { DeploymentHealth } from './deployment-health.ts';

const fewestRequests = 5;
const highestFailureShare = 0.5;
/** So many failures without one success take even the only deployment out. */
const hopelessRequests = 1000;
const longestMs = 3_600_000;

/** What surrounds a failed deployment. */
export interface CooldownContext {
  readonly deployment: Deployment;
  readonly settings: RouterSettings;
  /** Does it stand in the model list? */
  readonly listed: boolean;
  /** Has its group further deployments? */
  readonly hasSiblings: boolean;
  /** Is one of them healthy? */
  readonly hasHealthySibling: boolean;
  /** Would a failing call of this group go on elsewhere? */
  readonly hasFallback: boolean;
}

/**
 * How long a deployment is to rest after a failure, in milliseconds; 0: not at all. Count the failure first. The last
 * healthy deployment of a group never rests because of a failure rate: then nobody would be left to ask.
 */
export function cooldownLength(
  verdict: ErrorVerdict,
  health: DeploymentHealth,
  context: CooldownContext,
  nowMs: number,
): number {
  const { deployment, settings, hasSiblings, hasHealthySibling, hasFallback } = context;
  const { retryAfterMs } = verdict;
  if (settings.disableCooldowns || !verdict.blames || deployment.cooldownMs === 0) return 0;
  const lengthMs = Math.min(
    longestMs,
    Math.max(deployment.cooldownMs ?? retryAfterMs ?? settings.cooldownMs, retryAfterMs ?? 0),
  );
  if (lengthMs === 0) return 0;
  if (verdict.class === 'RateLimit' && retryAfterMs !== undefined) return lengthMs;
  if (!context.listed) return 0;
  // It was tried after a cool-down and has failed again.
  if (!health.healthy) return lengthMs;
  const mayRest = hasHealthySibling || hasFallback;
  const allowed = settings.allowedFailsPolicy[verdict.class] ?? settings.allowedFails;
  if (allowed !== undefined) return health.countFail(nowMs, lengthMs) > allowed && mayRest ? lengthMs : 0;
  if (verdict.class === 'RateLimit' && hasSiblings) return lengthMs;
  if (verdict.unreachable && mayRest) return lengthMs;
  if ((verdict.class === 'Authentication' || verdict.class === 'NotFound') && mayRest) return lengthMs;
  const { window } = health;
  window.advance(nowMs);
  const { requests, failures } = window;
  if (requests >= fewestRequests && failures / requests > highestFailureShare && hasHealthySibling)
    return lengthMs;
  return requests >= hopelessRequests && failures >= requests ? lengthMs : 0;
}
