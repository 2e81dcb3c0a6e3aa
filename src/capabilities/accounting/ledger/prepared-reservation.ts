import type { SubjectLimits } from '../caller.ts';
import type { Refusal, Reservation } from '../ledger.ts';
import { periodName } from './budget-period.ts';
import { fromNanoUsd, toNanoLimit, toNanoUsd } from './nano-usd.ts';

/** Money that a subject may use in a period, in billionths of a dollar. */
export interface PreparedBudget {
  readonly period: string;
  readonly nano: number;
}

/** Limits of one subject in whole numbers. */
export interface PreparedSubject {
  readonly key: string;
  readonly rpm: number | null;
  readonly tpm: number | null;
  readonly parallel: number | null;
  /** One per period. */
  readonly budgets: readonly PreparedBudget[];
}

/** A reservation in whole numbers, each key once. */
export interface PreparedReservation {
  readonly id: string;
  readonly tokens: number;
  readonly nano: number;
  readonly leastNano: number | null;
  readonly expiresAtMs: number;
  readonly subjects: readonly PreparedSubject[];
}

const whole = (value: number | undefined): number | null => {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return null;
  return Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.floor(value)));
};
const smaller = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b);

/** Does the subject limit anything? */
export function isLimited({ rpm, tpm, parallel, budgets }: SubjectLimits): boolean {
  return rpm !== undefined || tpm !== undefined || parallel !== undefined || (budgets?.length ?? 0) > 0;
}

const prepared = new WeakMap<SubjectLimits, Omit<PreparedSubject, 'key'>>();

function prepareLimits(limits: SubjectLimits): Omit<PreparedSubject, 'key'> {
  const known = prepared.get(limits);
  if (known !== undefined) return known;
  const byPeriod = new Map<string, number>();
  for (const { period, usd } of limits.budgets ?? []) {
    const name = periodName(period);
    byPeriod.set(name, Math.min(byPeriod.get(name) ?? Number.POSITIVE_INFINITY, toNanoLimit(usd)));
  }
  const made = {
    rpm: whole(limits.rpm),
    tpm: whole(limits.tpm),
    parallel: whole(limits.parallel),
    budgets: [...byPeriod].map(([period, nano]) => ({ period, nano })),
  };
  prepared.set(limits, made);
  return made;
}

function merged(a: SubjectLimits, b: SubjectLimits): SubjectLimits {
  const rpm = smaller(a.rpm, b.rpm);
  const tpm = smaller(a.tpm, b.tpm);
  const parallel = smaller(a.parallel, b.parallel);
  return {
    ...(rpm === undefined ? {} : { rpm }),
    ...(tpm === undefined ? {} : { tpm }),
    ...(parallel === undefined ? {} : { parallel }),
    budgets: [...(a.budgets ?? []), ...(b.budgets ?? [])],
  };
}

/** The limits of each key, those of a key that is named twice together; subjects without limits are left out. */
function limitsByKey(request: Reservation): ReadonlyMap<string, SubjectLimits> {
  const found = new Map<string, SubjectLimits>();
  for (const { key, limits } of request.subjects) {
    if (!isLimited(limits)) continue;
    const other = found.get(key);
    found.set(key, other === undefined ? limits : merged(other, limits));
  }
  return found;
}

/** The refusal of a call whose price nobody knows, if a budget forbids such calls. */
export function unpricedRefusal(request: Reservation): Refusal | undefined {
  if (request.usd !== null) return undefined;
  for (const { key, limits } of request.subjects) {
    const [budget] = limits.budgets ?? [];
    if (budget === undefined || limits.unpriced === 'allow') continue;
    return { key, limit: 'budget', allowed: budget.usd, used: 0, retryAfterMs: null, unpriced: true };
  }
  return undefined;
}

/** The reservation in whole numbers; money rounded up, limits rounded down. */
export function prepareReservation(request: Reservation): PreparedReservation {
  return {
    id: request.id,
    tokens: whole(request.tokens) ?? 0,
    nano: toNanoUsd(request.usd ?? 0),
    leastNano: request.leastUsd === undefined ? null : toNanoUsd(request.leastUsd),
    expiresAtMs: request.expiresAtMs,
    subjects: Array.from(limitsByKey(request), ([key, limits]) => ({ key, ...prepareLimits(limits) })),
  };
}

/** How a store says no; money in billionths of a dollar. */
export interface StoreRefusal {
  readonly key: string;
  readonly limit: Refusal['limit'];
  readonly allowed: number;
  readonly used: number;
  /** Of calls and tokens: when enough of them have left the window. */
  readonly retryAfterMs?: number | null;
  /** Of a budget. */
  readonly spent?: number;
  readonly wanted?: number;
  readonly resetsAtMs?: number | null;
  readonly atMs?: number;
}

// Calls under way end when they end: soon, as far as anybody can say.
const soonMs = 1000;

/** The store's refusal in dollars, with the time after which asking again makes sense. */
export function toRefusal(refusal: StoreRefusal): Refusal {
  const { key, limit, allowed, used } = refusal;
  if (limit === 'parallel') {
    return { key, limit, allowed, used, retryAfterMs: allowed < 1 ? null : soonMs };
  }
  if (limit !== 'budget') return { key, limit, allowed, used, retryAfterMs: refusal.retryAfterMs ?? null };
  const { spent = 0, wanted = 0, resetsAtMs = null, atMs = 0 } = refusal;
  const untilReset = resetsAtMs === null ? null : Math.max(0, resetsAtMs - atMs);
  const retryAfterMs =
    wanted > allowed ? null : spent + wanted > allowed ? untilReset : Math.min(soonMs, untilReset ?? soonMs);
  return {
    key,
    limit,
    allowed: fromNanoUsd(allowed),
    used: fromNanoUsd(used),
    retryAfterMs,
    spent: fromNanoUsd(spent),
    resetsAtMs,
  };
}
