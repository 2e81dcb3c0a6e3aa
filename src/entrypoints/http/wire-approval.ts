import { z } from 'zod';
import { approvalStatuses, type ApprovalView } from '../../protocol/index.ts';

const time = z.string().describe('ISO 8601, UTC.');
const json = z.unknown().describe('Any JSON.');

export const wireApproval = z
  .object({
    id: z.string(),
    code: z.string().describe('What people may type in place of the id.'),
    run_id: z.string(),
    root_run_id: z.string(),
    step_key: z.string(),
    target: z.object({ kind: z.string(), name: z.string() }),
    kind: z.enum(['approval', 'question']),
    title: z.string(),
    message: z.string(),
    subject: z
      .object({ action: z.string(), arguments: json })
      .nullable()
      .describe('What is to be done, exactly as it will be.'),
    arguments_hash: z.string().describe('SHA-256 of the canonical JSON of `subject`, hex.'),
    answer_schema: json.describe('JSON Schema of the answer; null takes anything.'),
    approvers: z.array(z.string()),
    escalate_to: z.array(z.string()),
    default: z.enum(['approve', 'reject', 'fail']).describe('What a passed deadline means.'),
    requested_by: z.string().describe('Principal for whom the run acts.'),
    status: z.enum(approvalStatuses),
    answer: json,
    comment: z.string().nullable(),
    decided_by: z
      .string()
      .nullable()
      .describe('Principal; null while pending and where the deadline decided.'),
    decided_as: z.enum(['approver', 'escalation', 'permission', 'admin']).nullable(),
    decided_at: time.nullable(),
    created_at: time,
    deadline_at: time.nullable(),
    remind_at: time.nullable(),
    reminders: z.number().describe('Reminders so far.'),
    escalate_at: time.nullable(),
    escalated_at: time.nullable(),
  })
  .meta({ id: 'Approval' });

export function approvalToWire(approval: ApprovalView): z.output<typeof wireApproval> {
  return {
    id: approval.id,
    code: approval.code,
    run_id: approval.runId,
    root_run_id: approval.rootRunId,
    step_key: approval.stepKey,
    target: approval.target,
    kind: approval.kind,
    title: approval.title,
    message: approval.message,
    subject: approval.subject,
    arguments_hash: approval.argumentsHash,
    answer_schema: approval.answerSchema,
    approvers: [...approval.approvers],
    escalate_to: [...approval.escalateTo],
    default: approval.default,
    requested_by: approval.requestedBy,
    status: approval.status,
    answer: approval.answer,
    comment: approval.comment,
    decided_by: approval.decidedBy,
    decided_as: approval.decidedAs,
    decided_at: approval.decidedAt,
    created_at: approval.createdAt,
    deadline_at: approval.deadlineAt,
    remind_at: approval.remindAt,
    reminders: approval.reminders,
    escalate_at: approval.escalateAt,
    escalated_at: approval.escalatedAt,
  };
}
