import { sql, type Transaction } from 'kysely';
import { createJobId, type QueueJob } from '../../platform/queue/index.ts';
import type { Database } from '../../platform/storage/index.ts';
import type { ActivityMonitor } from './activity-monitor.ts';
import type { RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { fenced } from './interruptions.ts';
import { persist } from './persist.ts';
import { runsChannel } from './run-event-log.ts';
import { queueKey } from './submit-request.ts';

/**
 * Lets a root run and its children leave memory: they are `waiting` and the job is done, in one transaction. Returns
 * true when what they wait for had come in the meantime, so that the run is queued again at once.
 */
export async function suspendRun(
  deps: RunEngineDeps,
  run: RunRow,
  tree: ActivityMonitor,
  job: QueueJob,
): Promise<boolean> {
  const reasons = tree.runIds.map((id) => ({ id, waiting_for: tree.waitingFor(id) }));
  const open = tree.waits.map((wait) => [wait.runId, wait.key]);
  return persist(
    () =>
      deps.storage.transaction(async (trx) => {
        const suspended = await trx
          .updateTable('runs')
          .set({ status: 'waiting', attempts: 0, waiting_for: JSON.stringify(tree.waitingFor(run.id)) })
          .where('id', '=', run.id)
          .where('epoch', '=', run.epoch)
          .where('status', '=', 'running')
          .executeTakeFirst();
        if (suspended.numUpdatedRows !== 1n) throw fenced(run.id);
        // Only whoever holds the root run can have claimed a child, so that the root's epoch speaks for all.
        await sql`
          update runs r set status = 'waiting', attempts = 0, waiting_for = g.waiting_for
          from runs child left join jsonb_to_recordset(${JSON.stringify(reasons)}::jsonb) as g(id text, waiting_for jsonb)
            on g.id = child.id
          where r.id = child.id and child.root_run_id = ${run.id} and child.root_run_id <> child.id
            and child.status = 'running'`.execute(trx);
        // Waits that were answered leave their rows behind; only those still open may wake the run.
        await sql`delete from run_waits w where w.root_run_id = ${run.id}
          and not exists (select 1 from jsonb_array_elements(${JSON.stringify(open)}::jsonb) as o(pair)
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

/**
 * Queues a waiting root run again, within the transaction. One that is being executed is told at the commit, whatever
 * process it is in, so that its waits look again. True when it was queued.
 */
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
  if (woken === undefined) {
    await tellExecution(deps, trx, rootRunId);
    return false;
  }
  await deps.queue.send(
    'runs',
    { id: jobId, payload: { runId: woken.id }, key: queueKey(woken.id, woken.session_id) },
    trx,
  );
  return true;
}

const signalled = 'signal:';

/** Tells whoever executes the root run, at the commit, that something has come for it. */
export async function tellExecution(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  rootRunId: string,
): Promise<void> {
  await deps.storage.notify(trx, runsChannel, `${signalled}${rootRunId}`);
}

/** The root run that a notification on `runsChannel` tells news of; `undefined` when it is about something else. */
export function signalledRun(payload: string | undefined): string | undefined {
  return payload?.startsWith(signalled) === true ? payload.slice(signalled.length) : undefined;
}
