import type { Transaction } from 'kysely';
import type { Database } from '../../platform/storage/index.ts';
import type { Scope } from '../../protocol/index.ts';

/** Marks the open dead letter about a run, if there is one, as dealt with by a new run. */
export async function resolveRunLetter(
  trx: Transaction<Database>,
  done: {
    readonly scope: Scope;
    readonly runId: string;
    readonly newRunId: string;
    readonly note: string | null;
    readonly now: Date;
  },
): Promise<void> {
  await trx
    .updateTable('dead_letters')
    .set({
      resolved_at: done.now,
      resolution: 'retried',
      resolved_by: done.scope.principal,
      note: done.note,
      new_run_id: done.newRunId,
    })
    .where('kind', '=', 'run')
    .where('ref_id', '=', done.runId)
    .where('tenant', '=', done.scope.tenant)
    .where('resolved_at', 'is', null)
    .execute();
}
