import { AppError, type ErrorDetails } from '../../base/index.ts';
import type { Refusal } from './ledger.ts';

const names = {
  rpm: 'calls per minute',
  tpm: 'tokens per minute',
  parallel: 'calls at the same time',
} as const;

/** Longest wait that a client may be told to sit out. */
const patienceMs = 60_000;
const dollars = (usd: number): string => `$${usd.toFixed(usd !== 0 && Math.abs(usd) < 0.01 ? 6 : 2)}`;

/** Whose limit it is, as people name it, and the details that say so. */
function subjectOf(key: string): { readonly subject: string; readonly details: ErrorDetails } {
  if (key.startsWith('deployment/')) {
    const deployment = key.slice('deployment/'.length);
    return {
      subject: `deployment:${deployment}`,
      details: { subject: `deployment:${deployment}`, deployment },
    };
  }
  const subject = key.split('/').slice(2).join('/');
  return { subject, details: { subject } };
}

/** The error with which a refused call is answered: `rate_limited`, or `budget_exceeded` where money is what lacks. */
export function limitError(refusal: Refusal, model: string): AppError {
  const { subject, details } = subjectOf(refusal.key);
  const { limit, allowed, used, retryAfterMs } = refusal;
  const isSoon = retryAfterMs !== null && retryAfterMs <= patienceMs;
  const retry = retryAfterMs === null ? {} : { retryAfterMs };
  if (limit !== 'budget') {
    const text = `The limit of ${subject} is ${allowed} ${names[limit]}; ${used} are used.`;
    const never = retryAfterMs === null ? ' This call alone is more than the limit.' : '';
    return new AppError('rate_limited', text + never, {
      details: { ...details, limit, allowed, used, ...retry },
      retryable: retryAfterMs !== null,
    });
  }
  const { spent = 0, resetsAtMs = null } = refusal;
  const resetsAt = resetsAtMs === null ? null : new Date(resetsAtMs).toISOString();
  const money = { limitUsd: allowed, spentUsd: spent, reservedUsd: Math.max(0, used - spent), resetsAt };
  if (refusal.unpriced === true) {
    return new AppError(
      'budget_exceeded',
      `${subject} has a budget, and nobody knows the price of ${model}: add it to \`models.prices\`, or allow such calls with \`unpriced: allow\` on the limit.`,
      { details: { ...details, limit, limitUsd: allowed, unpriced: true, model } },
    );
  }
  const text = `The budget of ${subject} is ${dollars(allowed)}; ${dollars(spent)} are spent and ${dollars(money.reservedUsd)} reserved by calls under way.`;
  const until = resetsAt === null ? '' : ` It begins anew at ${resetsAt}.`;
  return new AppError('budget_exceeded', text + until, {
    details: { ...details, limit, ...money, ...retry },
    retryable: isSoon,
  });
}
