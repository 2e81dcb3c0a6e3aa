import { sql, type Transaction } from 'kysely';
import { createJobId, type QueueJob } from '../../platform/queue/index.ts';
import type { Database } from '../../platform/storage/index.ts';
import type { PendingWait } from './activity-monitor.ts';
import type { RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { fenced } from './interruptions.ts';
import { persist } from './persist.ts';
import { queueKey } from './submit-request.ts';

/**
 * Lets a root run leave memory: it is `waiting` and its job is done, in one transaction. Returns true when what it
 * waits for had come in the meantime, so that it is queued again at once.
 */
export async function suspendRun(
  deps: RunEngineDeps,
  run: RunRow,
  waits: readonly PendingWait[],
  job: QueueJob,
): Promise<boolean> {
  return persist(
    () =>
      deps.storage.transaction(async (trx) => {
        const suspended = await trx
          .updateTable('runs')
          .set({ status: 'waiting', attempts: 0, waiting_for: JSON.stringify(waits.map((wait) => wait.key)) })
          .where('id', '=', run.id)
          .where('epoch', '=', run.epoch)
          .where('status', '=', 'running')
          .executeTakeFirst();
        if (suspended.numUpdatedRows !== 1n) throw fenced(run.id);
        // Waits that were answered leave their rows behind; only those still open may wake the run.
        const open = JSON.stringify(waits.map((wait) => [wait.runId, wait.key]));
        await sql`delete from run_waits w where w.root_run_id = ${run.id}
          and not exists (select 1 from jsonb_array_elements(${open}::jsonb) as o(pair)
            where o.pair ->> 0 = w.run_id and o.pair ->> 1 = w.step_key)`.execute(trx);
        const satisfied = await isSatisfied(deps, trx, run.id);
        if (satisfied) await wakeRun(deps, trx, run.id);
        if (!(await deps.queue.complete(job, trx))) throw fenced(run.id);
        deps.failpoint?.('suspend-before-commit');
        return satisfied;
      }),
    deps.clock,
  );
}

async function isSatisfied(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  rootRunId: string,
): Promise<boolean> {
  const now = new Date(deps.clock.now());
  const { rows } = await sql<{ satisfied: boolean }>`
    select exists (select 1 from run_waits w where w.root_run_id = ${rootRunId} and (w.due_at <= ${now}::timestamptz
      or exists (select 1 from run_signals s where s.run_id = w.run_id and s.name = w.signal_name and s.consumed_by is null))
    ) as satisfied`.execute(trx);
  return rows[0]?.satisfied === true;
}

/** Queues a waiting root run again, within the transaction. False when it does not wait (any more). */
export async function wakeRun(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  rootRunId: string,
): Promise<boolean> {
  const jobId = createJobId(deps.clock.now());
  const woken = await trx
    .updateTable('runs')
    .set({ status: 'queued', job_id: jobId })
    .where('id', '=', rootRunId)
    .where('status', '=', 'waiting')
    .returning(['id', 'session_id'])
    .executeTakeFirst();
  if (woken === undefined) return false;
  await deps.queue.send(
    'runs',
    { id: jobId, payload: { runId: woken.id }, key: queueKey(woken.id, woken.session_id) },
    trx,
  );
  return true;
}
