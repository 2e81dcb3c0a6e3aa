import type { AdmissionRequest } from './accounting.ts';
import type { LedgerSubject, PartialGrant } from './ledger.ts';
import { highestCost } from './model-cost.ts';

/** What to reserve for a call, and how the request has to be limited so that this suffices. */
export interface AdmissionPlan {
  readonly tokens: number;
  /** `null`: nobody knows the price. */
  readonly usd: number | null;
  readonly leastUsd?: number;
  /** Most output tokens of each answer; `undefined`: no bound. */
  readonly maxOutputTokens: number | undefined;
  /** The bound where not all the money was granted. */
  boundOf(grant: PartialGrant): number;
}

/** Where neither the caller nor the model list says how long an answer may be. */
const usualOutputTokens = 4096;
/** An answer is never cut shorter than that, unless the caller asked for less. */
const leastOutputTokens = 256;

const atMost = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b);

/**
 * Plans for the worst: as much input as it can be at the dearest price it may have, and all answers as long as they may
 * become. With a budget answers are bounded, so that they cannot become longer. Tokens of a minute are only estimated.
 */
export function planAdmission(request: AdmissionRequest, subjects: readonly LedgerSubject[]): AdmissionPlan {
  const { deployment, operation, inputTokens, mostInputTokens } = request;
  const { price } = deployment;
  const isAnswered = operation === 'chat' || operation === 'completion';
  const hasBudget = subjects.some(({ limits }) => (limits.budgets?.length ?? 0) > 0);
  const asked = isAnswered ? atMost(request.maxOutputTokens, deployment.maxOutputTokens) : 0;
  const cut = Math.min(leastOutputTokens, asked ?? leastOutputTokens);
  const answers = isAnswered ? Math.max(1, request.answers ?? 1) : 0;
  const costs = hasBudget && price !== undefined && highestCost(price, mostInputTokens, 1) > 0;

  let bound = costs
    ? (asked ?? usualOutputTokens)
    : atMost(request.maxOutputTokens, Number.POSITIVE_INFINITY);
  if (bound === Number.POSITIVE_INFINITY) bound = undefined;
  let output = bound ?? Math.min(usualOutputTokens, asked ?? usualOutputTokens);
  if (!isAnswered) {
    bound = undefined;
    output = 0;
  }
  // What is larger than the limit of a minute would never be allowed.
  const tpm = subjects.reduce(
    (least, { limits }) => Math.min(least, limits.tpm ?? Number.POSITIVE_INFINITY),
    Number.POSITIVE_INFINITY,
  );
  if (isAnswered && inputTokens + output * answers > tpm && inputTokens + cut * answers <= tpm) {
    output = Math.floor((tpm - inputTokens) / answers);
    bound = output;
  }
  // A caller that named a bound itself keeps it where nothing asks for less.
  const maxOutputTokens = bound === request.maxOutputTokens ? request.maxOutputTokens : bound;
  const plan = { tokens: inputTokens + output * answers, maxOutputTokens };
  const whole = maxOutputTokens ?? output;
  if (price === undefined) return { ...plan, usd: hasBudget ? null : 0, boundOf: () => whole };
  if (!costs) return { ...plan, usd: 0, boundOf: () => whole };

  const input = Math.max(inputTokens, mostInputTokens);
  const cost = (outputTokens: number): number => highestCost(price, input, outputTokens * answers);
  const least = Math.min(cut, output);
  return {
    ...plan,
    usd: cost(output),
    ...(isAnswered ? { leastUsd: cost(least) } : {}),
    boundOf: ({ grantedUsd }) => {
      const perToken = cost(1) - cost(0);
      if (!(perToken > 0)) return output;
      const affordable = Math.floor((grantedUsd - cost(0)) / perToken + 1e-6);
      return Math.max(least, Math.min(output, affordable));
    },
  };
}
