import { z } from 'zod';
import { AppError, type Json, type JsonObject } from '../../../base/index.ts';
import { durationMs, type ApprovalOutcome, type ApprovalSpec } from '../../../protocol/index.ts';
import { defineDurableAction } from '../define-action.ts';

const people = z.array(z.string().min(1).max(200)).max(100);

/** The outcome of a decision in favour as an output; the other ones as errors: `approval_rejected`, `approval_expired`. */
export function decisionOf(title: string, outcome: ApprovalOutcome): JsonObject {
  const details = { approval_id: outcome.approvalId };
  const comment = outcome.comment === null || outcome.comment === '' ? '' : `: ${outcome.comment}`;
  if (outcome.status === 'rejected')
    throw new AppError(
      'approval_rejected',
      `"${title}" was rejected by ${outcome.decidedBy ?? 'its deadline'}${comment}`,
      { details },
    );
  if (outcome.status === 'expired')
    throw new AppError('approval_expired', `nobody decided on "${title}" before its deadline`, { details });
  return {
    status: outcome.status,
    answer: outcome.answer,
    comment: outcome.comment,
    decided_by: outcome.decidedBy,
    decided_at: outcome.decidedAt,
    approval_id: outcome.approvalId,
  };
}

/** A step that only asks: yes or no, or a question with an answer. */
export const approval = defineDurableAction({
  name: 'approval',
  description:
    'Asks a person for a decision or an answer, and waits for it; the run costs one row meanwhile.',
  inputs: z.strictObject({
    title: z.string().min(1).max(2000).optional().describe('What is asked, in one line.'),
    message: z.string().max(20_000).default('').describe('More for whoever decides.'),
    data: z.unknown().optional().describe('What is decided on; shown, and bound to the decision.'),
    question: z
      .string()
      .min(1)
      .max(2000)
      .optional()
      .describe('Asks for an answer instead of a decision; it is output.answer.'),
    answer_schema: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Question: JSON Schema that the answer has to fit.'),
    approvers: people
      .default([])
      .describe('Principals that may decide; everybody with approvals:decide when left out.'),
    deadline: durationMs.optional().describe('After this long the default decides.'),
    default: z.enum(['approve', 'reject', 'fail']).default('fail').describe('What a passed deadline means.'),
    remind_every: durationMs.optional(),
    escalate_after: durationMs.optional(),
    escalate_to: people.default([]).describe('Who may decide too, once it is escalated.'),
  }),
  output: z.object({
    status: z.enum(['approved', 'answered']),
    answer: z.unknown().describe('The answer to a question, or null.'),
    comment: z.string().nullable(),
    decided_by: z.string().nullable().describe('Principal; null when the deadline decided.'),
    decided_at: z.string(),
    approval_id: z.string(),
  }),
  literal: ['approvers', 'escalate_to'],
  holdsSlot: false,
  run: async ({ inputs }, durable) => {
    const { question, answer_schema: answerSchema, data } = inputs;
    const title = inputs.title ?? question ?? `Go on with "${durable.key}"?`;
    const limits = [inputs.deadline, durable.timeoutMs].filter((one) => one !== undefined);
    const rules: ApprovalSpec = {
      approvers: inputs.approvers,
      default: inputs.default,
      escalateTo: inputs.escalate_to,
      ...(limits.length === 0 ? {} : { deadline: Math.min(...limits) }),
      ...(inputs.remind_every === undefined ? {} : { remindEvery: inputs.remind_every }),
      ...(inputs.escalate_after === undefined ? {} : { escalateAfter: inputs.escalate_after }),
    };
    const outcome = await durable.context.approve(durable.key, {
      kind: question === undefined ? 'approval' : 'question',
      title,
      message:
        question !== undefined && question !== title
          ? `${question}\n${inputs.message}`.trim()
          : inputs.message,
      subject: data === undefined ? null : { action: 'approval', arguments: data as Json },
      answerSchema: (answerSchema as JsonObject | undefined) ?? null,
      rules,
    });
    return decisionOf(title, outcome);
  },
});
