import type { PreparedSettlement } from './ledger-store.ts';
import type { PreparedReservation } from './prepared-reservation.ts';

/** Places of things in a list that holds each of them once, counted from 1 as PostgreSQL does. */
class Places {
  readonly #places = new Map<string, number>();

  of(name: string): number {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    this.#places.set(name, this.#places.size + 1);
    return this.#places.size;
  }
}

/** The argument of `ledger_apply`: flat lists that point at each other by place, so that the function never searches. */
export function packBatch(
  settlements: readonly PreparedSettlement[],
  reservations: readonly PreparedReservation[],
  options: { readonly bucketMs: number; readonly nowMs: number },
): string {
  const keyPlaces = new Places();
  const budgetPlaces = new Places();
  const keys: string[] = [];
  const budgets = { key: [] as number[], period: [] as string[] };
  const parts = {
    key: [] as number[],
    rpm: [] as (number | null)[],
    tpm: [] as (number | null)[],
    parallel: [] as (number | null)[],
    end: [] as number[],
  };
  const limits = { budget: [] as number[], nano: [] as number[] };
  const ends: number[] = [];
  for (const { subjects } of reservations) {
    for (const subject of subjects) {
      const key = keyPlaces.of(subject.key);
      if (key > keys.length) keys.push(subject.key);
      parts.key.push(key);
      parts.rpm.push(subject.rpm);
      parts.tpm.push(subject.tpm);
      parts.parallel.push(subject.parallel);
      for (const { period, nano } of subject.budgets) {
        const budget = budgetPlaces.of(`${key} ${period}`);
        if (budget > budgets.key.length) {
          budgets.key.push(key);
          budgets.period.push(period);
        }
        limits.budget.push(budget);
        limits.nano.push(nano);
      }
      parts.end.push(limits.budget.length);
    }
    ends.push(parts.key.length);
  }
  return JSON.stringify({
    bucketMs: options.bucketMs,
    durable: settlements.length > 0 || budgets.key.length > 0,
    settled: {
      ids: settlements.map(({ id }) => id),
      tokens: settlements.map(({ tokens }) => tokens),
      nano: settlements.map(({ nano }) => nano),
    },
    keys,
    budgets,
    requests: {
      id: reservations.map(({ id }) => id),
      tokens: reservations.map(({ tokens }) => tokens),
      nano: reservations.map(({ nano }) => nano),
      least: reservations.map(({ leastNano }) => leastNano),
      // As a span, because the database has a clock of its own.
      ttl: reservations.map(({ expiresAtMs }) => Math.max(0, Math.round(expiresAtMs - options.nowMs))),
      end: ends,
    },
    parts,
    limits,
  });
}
