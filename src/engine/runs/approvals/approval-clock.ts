import { sql, type RawBuilder, type Transaction } from 'kysely';
import type { Database } from '../../../platform/storage/index.ts';

/** For the update that claims a run: it has what was left of its time, again and again as long as people are waited for. */
export function clockOfClaim(now: Date): RawBuilder<unknown> {
  return sql`deadline_at = coalesce(${now}::timestamptz + r.time_left_ms * interval '1 millisecond', r.deadline_at),
    time_left_ms = case when r.time_left_ms is not null and exists (
      select from approvals a where a.root_run_id = r.root_run_id and a.status = 'pending') then r.time_left_ms end`;
}

/**
 * Stops the clock of a run that asks a person, and of those above it: what is left of their time is kept for the claim
 * after the decision. Within the transaction that asks, which has locked them.
 */
export async function stopClocks(trx: Transaction<Database>, runId: string, now: Date): Promise<void> {
  await sql`
    with recursive up (id, parent) as (
      select id, parent_run_id from runs where id = ${runId}
      union all select r.id, r.parent_run_id from runs r join up on r.id = up.parent
    )
    update runs set time_left_ms = greatest(0, extract(epoch from deadline_at - ${now}::timestamptz) * 1000)::bigint
    from up where runs.id = up.id and runs.deadline_at is not null and runs.time_left_ms is null`.execute(
    trx,
  );
}
