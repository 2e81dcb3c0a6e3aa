import { sql } from 'kysely';
import type { Storage } from '../../../platform/storage/index.ts';
import type { LedgerSubject, LedgerUse } from '../ledger.ts';
import { periodEnd, periodName, periodStart } from './budget-period.ts';
import { fromNanoUsd } from './nano-usd.ts';

interface SubjectRow {
  readonly key: string;
  readonly parallel: number;
  readonly requests: number;
  readonly tokens: number;
}

interface BudgetRow {
  readonly key: string;
  readonly period: string;
  readonly started_at: number;
  readonly spent: number;
  readonly reserved: number;
}

/** What the tables say of the subjects now, by the clock of the database; nothing is counted or locked. */
export async function readLedgerUse(
  { db }: Pick<Storage, 'db'>,
  subjects: readonly LedgerSubject[],
  bucketMs: number,
): Promise<readonly LedgerUse[]> {
  const keys = subjects.map(({ key }) => key);
  const { rows: found } = await sql<SubjectRow & { readonly at_ms: number }>`
    select w.key, coalesce(s.parallel, 0) as parallel, t.at_ms,
      coalesce((select sum(v)::bigint from unnest(r.requests) v), 0) as requests,
      coalesce((select sum(v)::bigint from unnest(r.tokens) v), 0) as tokens
    from unnest(${keys}::text[]) as w(key)
    cross join (select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as at_ms) t
    left join ledger_subjects s on s.key = w.key
    left join lateral (select
      case when s.key is not null then ledger_shift(s.requests, s.bucket, greatest(s.bucket, t.at_ms / ${bucketMs}::bigint)) end as requests,
      case when s.key is not null then ledger_shift(s.tokens, s.bucket, greatest(s.bucket, t.at_ms / ${bucketMs}::bigint)) end as tokens
    ) r on true`.execute(db);
  const { rows: budgets } = await sql<BudgetRow>`
    select key, period, started_at, spent, reserved from ledger_budgets where key = any(${keys}::text[])`.execute(
    db,
  );
  const subjectOf = new Map(found.map((row) => [row.key, row]));
  const budgetOf = new Map(budgets.map((row) => [`${row.key} ${row.period}`, row]));
  return subjects.map(({ key, limits }) => {
    const row = subjectOf.get(key);
    const atMs = row?.at_ms ?? 0;
    return {
      key,
      requests: row?.requests ?? 0,
      tokens: row?.tokens ?? 0,
      parallel: row?.parallel ?? 0,
      budgets: (limits.budgets ?? []).map(({ usd, period }) => {
        const budget = budgetOf.get(`${key} ${periodName(period)}`);
        const isPresent = budget !== undefined && budget.started_at >= periodStart(period, atMs);
        return {
          usd,
          period,
          spentUsd: isPresent ? fromNanoUsd(budget.spent) : 0,
          reservedUsd: isPresent ? fromNanoUsd(budget.reserved) : 0,
          resetsAtMs: periodEnd(period, atMs),
        };
      }),
    };
  });
}
