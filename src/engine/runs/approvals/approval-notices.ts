import { sql, type Transaction } from 'kysely';
import type { Database } from '../../../platform/storage/index.ts';
import type { ApprovalNotice } from '../../../protocol/index.ts';
import type { ApprovalRow } from './approval-subject.ts';
import { deliveryJob } from '../end-run.ts';
import type { RunEngineDeps } from '../engine-deps.ts';

/** What people type in place of an approval's id. */
export function approvalCode(approvalId: string): string {
  return approvalId.slice(-6);
}

/**
 * Tells the chat that the root run came from, within the transaction that changes the approval: a row of the outbox and
 * its delivery job. Nothing for runs from elsewhere.
 */
export async function tellPeople(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  approval: ApprovalRow,
  occasion: ApprovalNotice['occasion'],
): Promise<void> {
  if (approval.reply_to === null) return;
  const notice: ApprovalNotice = {
    type: 'approval',
    occasion,
    approvalId: approval.id,
    code: approvalCode(approval.id),
    kind: approval.kind,
    title: approval.title,
    message: approval.message,
    subject: approval.subject,
    argumentsHash: approval.subject_hash,
    answerSchema: approval.answer_schema,
    deadlineAt: approval.deadline_at?.toISOString() ?? null,
    default: approval.default_decision,
    approvers: occasion === 'asked' ? approval.approvers : [...approval.approvers, ...escalated(approval)],
  };
  const outboxId = deps.ids('ntc');
  await sql`
    insert into outbox (id, tenant, kind, request_id, run_id, reply_to, notice, status, platform_ids, created_at)
    select ${outboxId}, r.tenant, 'notice', r.request_id, r.id, ${JSON.stringify(approval.reply_to)}::jsonb,
      ${JSON.stringify(notice)}::jsonb, 'queued', '[]'::jsonb, ${new Date(deps.clock.now())}::timestamptz
    from runs r where r.id = ${approval.root_run_id}`.execute(trx);
  await deps.queue.send('deliveries', deliveryJob(outboxId, approval.reply_to), trx);
}

function escalated(approval: ApprovalRow): readonly string[] {
  return approval.escalated_at === null ? [] : approval.escalate_to;
}
