import { sql, type Transaction } from 'kysely';
import { storable, type Json } from '../../base/index.ts';
import type { Database } from '../../platform/storage/index.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { tellExecution, wakeRun } from './suspend-run.ts';

/**
 * Stores a signal for a run within the transaction and wakes who waits for it: in place where the run is executed, by a
 * job where it has left memory. True when a job was queued. The same id again changes nothing.
 */
export async function storeSignal(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  run: { readonly id: string; readonly rootRunId: string },
  signal: { readonly id: string; readonly name: string; readonly payload: Json; readonly principal: string },
): Promise<boolean> {
  // Under this lock a signal comes either before a suspension, which then finds it, or after it, and wakes the run.
  const { rows } = await sql<{ waits: boolean; executes: boolean }>`
    select status = 'waiting' as waits, status = 'running' as executes from runs where id = ${run.rootRunId}
    for no key update`.execute(trx);
  const stored = await trx
    .insertInto('run_signals')
    .values({
      id: `${run.id}:${signal.id}`,
      run_id: run.id,
      name: signal.name,
      payload: JSON.stringify(storable(signal.payload)),
      principal: signal.principal,
      consumed_by: null,
      created_at: new Date(deps.clock.now()),
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (stored.numInsertedOrUpdatedRows !== 1n) return false;
  if (rows[0]?.executes === true) await tellExecution(deps, trx, run.rootRunId);
  if (rows[0]?.waits !== true) return false;
  const wait = await trx
    .selectFrom('run_waits')
    .select('step_key')
    .where('run_id', '=', run.id)
    .where('signal_name', '=', signal.name)
    .executeTakeFirst();
  return wait === undefined ? false : wakeRun(deps, trx, run.rootRunId);
}
