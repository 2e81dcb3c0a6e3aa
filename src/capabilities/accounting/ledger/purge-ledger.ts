import { sql } from 'kysely';
import type { Storage } from '../../../platform/storage/index.ts';

/**
 * Forgets what no limit can ask for any more: reservations that expired a day ago, budgets whose period is over, budgets
 * of runs that have not called a model for 30 days, subjects that have done nothing for a day.
 */
export async function purgeLedger({ db }: Pick<Storage, 'db'>): Promise<void> {
  // Rows that somebody holds are left for the next time: who never waits takes part in no deadlock.
  await sql`delete from ledger_reservations where id in (
    select id from ledger_reservations where expired and expires_at < now() - interval '1 day'
    limit 10000 for update skip locked)`.execute(db);
  await sql`delete from ledger_budgets where (key, period) in (
    select key, period from ledger_budgets
    where touched_at < now() - interval '1 day' and (
      (period = 'total' and key like '%/run:%' and touched_at < now() - interval '30 days')
      or (period <> 'total' and started_at < ledger_period_start(period, (extract(epoch from now()) * 1000)::bigint)))
    limit 10000 for update skip locked)`.execute(db);
  await sql`delete from ledger_subjects where key in (
    select key from ledger_subjects where touched_at < now() - interval '1 day' and parallel = 0
    limit 10000 for update skip locked)`.execute(db);
}
