import type { Ledger, LedgerSubject, StoredLimit, StoredLimits } from '../capabilities/accounting/index.ts';
import type { LimitValues, Scope } from '../protocol/index.ts';

/** Limits that were set through the API, in memory. */
export class FakeStoredLimits implements StoredLimits {
  version = 0;
  readonly #tenants = new Map<string, Map<string, StoredLimit>>();

  of(tenant: string): ReadonlyMap<string, StoredLimit> {
    return this.#tenants.get(tenant) ?? new Map();
  }

  set(scope: Scope, subject: string, values: LimitValues): Promise<void> {
    const subjects = this.#tenants.get(scope.tenant) ?? new Map<string, StoredLimit>();
    this.#tenants.set(scope.tenant, subjects);
    subjects.set(subject, { values, updatedBy: scope.principal, updatedAt: '2026-01-01T00:00:00.000Z' });
    this.version += 1;
    return Promise.resolve();
  }

  remove(scope: Scope, subject: string): Promise<boolean> {
    this.version += 1;
    return Promise.resolve(this.#tenants.get(scope.tenant)?.delete(subject) ?? false);
  }
}

/** A ledger in which every subject has spent half of each budget; `resets` are those that were asked for. */
export function createFakeLedgerUse(): Pick<Ledger, 'use' | 'reset'> & { readonly resets: string[] } {
  const resets: string[] = [];
  return {
    resets,
    use: (subjects: readonly LedgerSubject[]) =>
      Promise.resolve(
        subjects.map(({ key, limits }) => ({
          key,
          requests: 3,
          tokens: 500,
          parallel: 1,
          budgets: (limits.budgets ?? []).map(({ usd, period }) => ({
            usd,
            period,
            spentUsd: resets.includes(key) ? 0 : usd / 2,
            reservedUsd: 0.25,
            resetsAtMs: period === 'total' ? null : Date.UTC(2026, 1, 1),
          })),
        })),
      ),
    reset: (key) => {
      resets.push(key);
      return Promise.resolve();
    },
  };
}
