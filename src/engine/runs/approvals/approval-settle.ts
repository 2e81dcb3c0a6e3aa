import { sql, type Transaction } from 'kysely';
import type { Json } from '../../../base/index.ts';
import type { Database } from '../../../platform/storage/index.ts';
import type { ApprovalCapacity, ApprovalStatus } from '../../../protocol/index.ts';
import { approvalSignal, type ApprovalRow } from './approval-subject.ts';
import type { RunEngineDeps } from '../engine-deps.ts';
import { wakeRun } from '../suspend-run.ts';

/** What settles an approval: a person, or its deadline (`by` is `null`). */
export interface Settlement {
  readonly status: Exclude<ApprovalStatus, 'pending' | 'cancelled'>;
  readonly answer: Json;
  readonly comment: string | null;
  readonly by: string | null;
  readonly as: ApprovalCapacity | null;
}

/** An approval under the lock of its root run; `isOpen` is false when that has ended. */
export type LockedApproval = ApprovalRow & { readonly is_open: boolean };

/**
 * Locks the root run of an approval and reads it, so that a decision, the run's end and what time brings happen one
 * after the other. Its status may be older than the lock: only `settleApproval` knows.
 */
export async function lockApproval(
  trx: Transaction<Database>,
  { id, root_run_id: rootRunId }: Pick<ApprovalRow, 'id' | 'root_run_id'>,
): Promise<LockedApproval | undefined> {
  const { rows } = await sql<LockedApproval>`
    with root as materialized (select ended_at from runs where id = ${rootRunId} for no key update)
    select a.*, root.ended_at is null as is_open from root, approvals a where a.id = ${id}`.execute(trx);
  return rows[0];
}

/**
 * Settles a pending approval within the transaction: the decision, the signal that its run waits for, the clock of the
 * root run that goes on when it was the last one of the tree, and the job that wakes it. The first settlement wins:
 * `settled` is `undefined` when there was one before. The caller has locked the root run.
 *
 * Of the runs it changes the root only: a run that ends takes its own lock, then approvals, then runs below it.
 */
export async function settleApproval(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  { id, root_run_id: rootRunId }: Pick<ApprovalRow, 'id' | 'root_run_id'>,
  settlement: Settlement,
): Promise<{ readonly settled: ApprovalRow | undefined; readonly woken: boolean }> {
  const now = new Date(deps.clock.now());
  // Signals of callers begin with the id of their run, so that none can take this one's place.
  const signal = approvalSignal(id);
  const { rows } = await sql<ApprovalRow>`
    with clock as (
      update runs set deadline_at = ${now}::timestamptz + time_left_ms * interval '1 millisecond', time_left_ms = null
      where id = ${rootRunId} and time_left_ms is not null and not exists (
        select from approvals a where a.root_run_id = ${rootRunId} and a.status = 'pending' and a.id <> ${id})
    ), settled as (
      update approvals set status = ${settlement.status}, answer = ${JSON.stringify(settlement.answer)}::jsonb,
        comment = ${settlement.comment}, decided_by = ${settlement.by}, decided_as = ${settlement.as},
        decided_at = ${now}::timestamptz
      where id = ${id} and status = 'pending'
      returning *
    ), signal as (
      insert into run_signals (id, run_id, name, payload, principal, created_at)
      select ${signal}, run_id, ${signal}, jsonb_build_object('status', status), coalesce(decided_by, 'system'),
        ${now}::timestamptz from settled
    )
    select * from settled`.execute(trx);
  const settled = rows[0];
  if (settled === undefined) return { settled, woken: false };
  const woken = await wakeRun(deps, trx, rootRunId);
  deps.failpoint?.('approval-settled-before-commit');
  return { settled, woken };
}
