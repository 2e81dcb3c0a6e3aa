import { sql, type RawBuilder, type Transaction } from 'kysely';
import type { Database } from '../../../platform/storage/index.ts';
import { defaultSettlement } from './approval-deadline.ts';
import { tellPeople } from './approval-notices.ts';
import { lockApproval, settleApproval, type LockedApproval } from './approval-settle.ts';
import type { ApprovalRow } from './approval-subject.ts';
import type { RunEngineDeps } from '../engine-deps.ts';

const batchSize = 200;
/** How long after its asking an approval of an ended run is looked for; only the moment of the end can leave one. */
const orphanAgeMs = 600_000;

interface DueRow {
  readonly id: string;
  readonly root_run_id: string;
}

type Change = (trx: Transaction<Database>, approval: LockedApproval) => Promise<boolean>;

/**
 * Does what time brings to pending approvals: the default at the deadline, escalations, reminders. Each change is
 * conditional on the row, so that of several processes one makes it. Returns true when a run was queued.
 */
export async function sweepApprovals(deps: RunEngineDeps): Promise<boolean> {
  const now = new Date(deps.clock.now());
  const woken = await sweep(deps, sql`deadline_at <= ${now}::timestamptz order by deadline_at`, (trx, due) =>
    decideByDeadline(deps, trx, due),
  );
  await sweep(deps, sql`escalate_at <= ${now}::timestamptz order by escalate_at`, (trx, due) =>
    escalate(deps, trx, due, now),
  );
  await sweep(deps, sql`remind_at <= ${now}::timestamptz order by remind_at`, (trx, due) =>
    remind(deps, trx, due, now),
  );
  return woken;
}

/** Changes what is due one by one; a fault of one does not hold up the others. True when a change says so. */
async function sweep(deps: RunEngineDeps, isDue: RawBuilder<unknown>, change: Change): Promise<boolean> {
  const { rows } = await sql<DueRow>`
    select id, root_run_id from approvals where status = 'pending' and ${isDue} limit ${batchSize}`.execute(
    deps.storage.db,
  );
  let changed = false;
  for (const due of rows) {
    try {
      const done = await deps.storage.transaction(async (trx) => {
        const approval = await lockApproval(trx, due);
        return approval?.is_open === true && change(trx, approval);
      });
      changed ||= done;
    } catch (error) {
      deps.logger.warn({ error, approvalId: due.id }, 'an approval that is due was not changed yet');
    }
  }
  return changed;
}

async function decideByDeadline(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  approval: LockedApproval,
): Promise<boolean> {
  const { woken } = await settleApproval(deps, trx, approval, defaultSettlement(approval));
  return woken;
}

async function escalate(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  { id }: LockedApproval,
  now: Date,
): Promise<boolean> {
  // Whoever is told now needs no reminder in the next second.
  const { rows } = await sql<ApprovalRow>`
    update approvals set escalated_at = ${now}::timestamptz, escalate_at = null,
      remind_at = ${now}::timestamptz + remind_every_ms * interval '1 millisecond'
    where id = ${id} and status = 'pending' and escalate_at <= ${now}::timestamptz returning *`.execute(trx);
  if (rows[0] !== undefined) await tellPeople(deps, trx, rows[0], 'escalation');
  return rows[0] !== undefined;
}

async function remind(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  { id }: LockedApproval,
  now: Date,
): Promise<boolean> {
  // Counted from now: what was missed while no process ran is not made up for.
  const { rows } = await sql<ApprovalRow>`
    update approvals set reminders = reminders + 1,
      remind_at = ${now}::timestamptz + remind_every_ms * interval '1 millisecond'
    where id = ${id} and status = 'pending' and remind_at <= ${now}::timestamptz returning *`.execute(trx);
  if (rows[0] !== undefined) await tellPeople(deps, trx, rows[0], 'reminder');
  return rows[0] !== undefined;
}

/** Cancels what was asked in the very moment in which its run ended, and was not seen by the end. */
export async function cancelOrphans(deps: RunEngineDeps): Promise<void> {
  const now = deps.clock.now();
  await sql`
    update approvals set status = 'cancelled', decided_at = ${new Date(now)}::timestamptz
    where id in (
      select a.id from approvals a
      where a.status = 'pending' and a.created_at > ${new Date(now - orphanAgeMs)}::timestamptz
        and exists (select from runs r where r.id in (a.run_id, a.root_run_id) and r.ended_at is not null)
      for update skip locked)`.execute(deps.storage.db);
}
