import { sql } from 'kysely';
import type { Storage } from '../../platform/storage/index.ts';

/** Is a run still worked on, or what it said not yet sent? Whatever process does it. */
export async function isAnswerOwed(storage: Storage, runId: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from runs where id = ${runId} and status in ('queued', 'running')
    union all
    select 1 from outbox where run_id = ${runId} and status in ('queued', 'sending')
    limit 1`.execute(storage.db);
  return rows.length > 0;
}
