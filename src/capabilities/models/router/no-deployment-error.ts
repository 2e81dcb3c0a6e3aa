import { AppError } from '../../../base/index.ts';
import type { GroupPlan } from './group-plan.ts';
import type { PickQuery } from './pick-query.ts';
import { verdict } from './verdict.ts';

const seconds = (milliseconds: number): string => `${Math.ceil(milliseconds / 100) / 10} s`;

/**
 * Why nobody of a group can take a call, read from `plan.verdicts`. What passes by itself is named first: deployments that
 * rest (`model_unavailable`) or are full (`rate_limited`), both with `details.retryAfterMs`; then what the request cannot
 * have: `context_window_exceeded`, tags and region (`model_unavailable`, not worth a retry), the operation (`invalid_request`).
 */
export function noDeploymentError(plan: GroupPlan, query: PickQuery, nowMs: number): AppError {
  const { name, verdicts, health } = plan;
  const details = { group: name };
  const having = (byte: number): number[] => [...verdicts.keys()].filter((at) => verdicts[at] === byte);
  const resting = having(verdict.cooledDown);
  if (resting.length > 0) {
    const retryAfterMs = Math.max(
      1,
      Math.min(...resting.map((at) => (health[at]?.coolingUntilMs ?? nowMs) - nowMs)),
    );
    const last = resting
      .map((at) => health[at]?.lastError)
      .reduce((a, b) => (b === undefined || (a !== undefined && a.atMs >= b.atMs) ? a : b));
    const because = last === undefined ? '' : ` The last error: ${last.message}`;
    return new AppError(
      'model_unavailable',
      `No deployment of "${name}" can be used for another ${seconds(retryAfterMs)}.${because}`,
      { details: { ...details, retryAfterMs, ...(last === undefined ? {} : { lastError: last.code }) } },
    );
  }
  const full = having(verdict.limit);
  if (full.length > 0) {
    const waits = full.map((at) => {
      const one = health[at];
      if (one === undefined || one.inFlight >= (plan.parallel[at] ?? Infinity)) return 1000;
      return Math.max(1000, one.window.msUntilRelief(nowMs));
    });
    return new AppError('rate_limited', `Every deployment of "${name}" is at its limit.`, {
      details: { ...details, retryAfterMs: Math.min(...waits) },
    });
  }
  if (having(verdict.contextWindow).length > 0)
    return new AppError(
      'context_window_exceeded',
      `No context window of "${name}" holds about ${query.inputTokens} tokens.`,
      { details },
    );
  if (having(verdict.tags).length > 0)
    return new AppError(
      'model_unavailable',
      `No deployment of "${name}" suits the tags ${query.tags.length === 0 ? '(none)' : query.tags.join(', ')}.`,
      { details: { ...details, tags: query.tags }, retryable: false },
    );
  if (having(verdict.region).length > 0)
    return new AppError(
      'model_unavailable',
      `No deployment of "${name}" is in the region "${query.region}".`,
      {
        details: { ...details, region: query.region },
        retryable: false,
      },
    );
  if (having(verdict.mode).length > 0)
    return new AppError('invalid_request', `"${name}" has no model for ${query.operation}.`, { details });
  return new AppError('model_unavailable', `"${name}" has no deployment.`, { details });
}
