import { sql } from 'kysely';
import { schemaFaults } from '../../../capabilities/tools/index.ts';
import type { ApprovalRequest } from '../../../protocol/index.ts';
import { stopClocks } from './approval-clock.ts';
import { tellPeople } from './approval-notices.ts';
import { approvalSignal, subjectHash, type ApprovalRow } from './approval-subject.ts';
import type { RunEngineDeps } from '../engine-deps.ts';
import { fenced } from '../interruptions.ts';
import { persist } from '../persist.ts';

/** Which execution of which run asks. */
export interface AskingRun {
  readonly runId: string;
  readonly rootRunId: string;
  readonly epoch: number;
}

/** The approval of a step, if it was asked before. */
export function findApproval(
  deps: RunEngineDeps,
  runId: string,
  key: string,
): Promise<ApprovalRow | undefined> {
  return deps.storage.db
    .selectFrom('approvals')
    .selectAll()
    .where('run_id', '=', runId)
    .where('step_key', '=', key)
    .executeTakeFirst();
}

/**
 * Stores the approval and what wakes the run in one statement that also checks the run's epoch, with the notice to
 * people in the same transaction; or finds the approval of an earlier execution. `isNew` says which. Throws `fenced`.
 *
 * Locks the run and those above it from the root down, as whoever claims a child does.
 */
export async function askForApproval(
  deps: RunEngineDeps,
  run: AskingRun,
  key: string,
  request: ApprovalRequest,
): Promise<{ readonly approval: ApprovalRow; readonly isNew: boolean }> {
  // A schema that cannot be used is told to whoever asks, not to the person who answers.
  if (request.answerSchema !== null) schemaFaults(request.answerSchema, null);
  const { rules } = request;
  const id = deps.ids('apr');
  const now = deps.clock.now();
  const after = (milliseconds: number | undefined): Date | null =>
    milliseconds === undefined ? null : new Date(now + milliseconds);
  const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
  return persist(
    () =>
      deps.storage.transaction(async (trx) => {
        const { rows } = await sql<ApprovalRow>`
          with recursive up (id, parent) as (
            select id, parent_run_id from runs where id = ${run.runId}
            union all select r.id, r.parent_run_id from runs r join up on r.id = up.parent
          ), chain as materialized (
            select r.id, r.tenant, r.principal, r.reply_to, r.status, r.epoch from runs r
            where r.id in (select id from up) order by r.depth for no key update
          ), held as (
            select own.tenant, own.principal, root.reply_to from chain own, chain root
            where own.id = ${run.runId} and own.epoch = ${run.epoch} and own.status = 'running'
              and root.id = ${run.rootRunId} and root.status = 'running'
          ), asked as (
            insert into approvals as a (id, tenant, run_id, root_run_id, step_key, kind, title, message, subject,
              subject_hash, answer_schema, approvers, escalate_to, default_decision, requested_by, status, deadline_at,
              remind_at, remind_every_ms, escalate_at, reply_to, created_at)
            select ${id}, held.tenant, ${run.runId}, ${run.rootRunId}, ${key}, ${request.kind}, ${request.title},
              ${request.message}, ${json(request.subject)}::jsonb, ${subjectHash(request.subject)},
              ${json(request.answerSchema)}::jsonb, ${json(rules.approvers)}::jsonb, ${json(rules.escalateTo)}::jsonb,
              ${rules.default}, held.principal, 'pending', ${after(rules.deadline)}::timestamptz,
              ${after(rules.remindEvery)}::timestamptz, ${rules.remindEvery ?? null}::bigint,
              ${after(rules.escalateAfter)}::timestamptz, held.reply_to, ${new Date(now)}::timestamptz
            from held
            on conflict (run_id, step_key) do update set step_key = excluded.step_key
            returning a.*
          ), waiting as (
            insert into run_waits (run_id, root_run_id, step_key, kind, signal_name, created_at)
            select run_id, root_run_id, step_key, 'signal', ${approvalSignal('')} || id, ${new Date(now)}::timestamptz
            from asked where status = 'pending'
            on conflict (run_id, step_key) do nothing
          )
          select * from asked`.execute(trx);
        const approval = rows[0];
        if (approval === undefined) throw fenced(run.runId);
        const isNew = approval.id === id;
        if (isNew) {
          await stopClocks(trx, run.runId, new Date(now));
          await tellPeople(deps, trx, approval, 'asked');
        }
        deps.failpoint?.('approval-before-commit');
        return { approval, isNew };
      }),
    deps.clock,
  );
}
