import type { AdmissionRequest } from './accounting.ts';
import type { LedgerSubject, PartialGrant } from './ledger.ts';
import { highestCost } from './model-cost.ts';

/** What to reserve for a call, and how the request has to be limited so that this suffices. */
export interface AdmissionPlan {
  readonly tokens: number;
  /** `null`: nobody knows the price. */
  readonly usd: number | null;
  readonly nearUsd?: number;
  readonly leastUsd?: number;
  /** Most output tokens of the request; `undefined`: no bound. */
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
 * Plans for the worst: all input at the dearest price it may have, and an answer as long as it may become. With a budget
 * the answer is bounded, so that it cannot become longer; near the end of one the input counts by its bytes.
 */
export function planAdmission(request: AdmissionRequest, subjects: readonly LedgerSubject[]): AdmissionPlan {
  const { deployment, operation, inputTokens } = request;
  const { price } = deployment;
  const answers = operation === 'chat' || operation === 'completion';
  const hasBudget = subjects.some(({ limits }) => (limits.budgets?.length ?? 0) > 0);
  const asked = answers ? atMost(request.maxOutputTokens, deployment.maxOutputTokens) : 0;
  const cut = Math.min(leastOutputTokens, asked ?? leastOutputTokens);
  const costs = hasBudget && price !== undefined && highestCost(price, inputTokens, 1) > 0;

  let bound = costs
    ? (asked ?? usualOutputTokens)
    : atMost(request.maxOutputTokens, Number.POSITIVE_INFINITY);
  if (bound === Number.POSITIVE_INFINITY) bound = undefined;
  let output = bound ?? Math.min(usualOutputTokens, asked ?? usualOutputTokens);
  if (!answers) {
    bound = undefined;
    output = 0;
  }
  // What is larger than the limit of a minute would never be allowed.
  const tpm = subjects.reduce(
    (least, { limits }) => Math.min(least, limits.tpm ?? Number.POSITIVE_INFINITY),
    Number.POSITIVE_INFINITY,
  );
  if (answers && inputTokens + output > tpm && inputTokens + cut <= tpm) {
    output = Math.floor(tpm - inputTokens);
    bound = output;
  }
  // A caller that named a bound itself keeps it where nothing asks for less.
  const maxOutputTokens = bound === request.maxOutputTokens ? request.maxOutputTokens : bound;
  const plan = { tokens: inputTokens + output, maxOutputTokens };
  const whole = maxOutputTokens ?? output;
  if (price === undefined) return { ...plan, usd: hasBudget ? null : 0, boundOf: () => whole };
  if (!costs) return { ...plan, usd: 0, boundOf: () => whole };

  const carefulInput = Math.max(inputTokens, request.inputBytes);
  const careful = (outputTokens: number): number => highestCost(price, carefulInput, outputTokens);
  const least = Math.min(cut, output);
  return {
    ...plan,
    usd: highestCost(price, inputTokens, output),
    nearUsd: careful(output),
    ...(answers ? { leastUsd: careful(least) } : {}),
    boundOf: ({ grantedUsd }) => {
      const perToken = careful(1) - careful(0);
      if (!(perToken > 0)) return output;
      const affordable = Math.floor((grantedUsd - careful(0)) / perToken + 1e-6);
      return Math.max(least, Math.min(output, affordable));
    },
  };
}
