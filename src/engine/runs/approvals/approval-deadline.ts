import type { Settlement } from './approval-settle.ts';
import type { ApprovalRow } from './approval-subject.ts';

/** True when the deadline has passed, so that only the default can decide. */
export function isLate(approval: ApprovalRow, nowMs: number): boolean {
  return approval.deadline_at !== null && approval.deadline_at.getTime() <= nowMs;
}

/** What a passed deadline means: the default of the request. No default can stand for the answer to a question. */
export function defaultSettlement(approval: ApprovalRow): Settlement {
  const { default_decision: chosen, kind } = approval;
  const status =
    chosen === 'reject' ? 'rejected' : chosen === 'approve' && kind === 'approval' ? 'approved' : 'expired';
  const comment = `nobody decided before ${approval.deadline_at?.toISOString() ?? 'the deadline'}`;
  return { status, answer: null, comment, by: null, as: null };
}
