import type { JsonObject } from '../../../base/index.ts';
import { askedEventOf } from '../asked-event.ts';
import type { OutgoingNotice } from '../delivery-store.ts';

/** What a program is told of an approval or question of its run: all that is needed to show it to people and to decide. */
export function toApprovalEvent(outgoing: OutgoingNotice, at: string): JsonObject {
  const { id, runId, sessionId, runMetadata, notice } = outgoing;
  const { requestId, target, metadata } = askedEventOf(runMetadata);
  const address = `/api/v1/approvals/${notice.approvalId}`;
  return {
    type: 'approval-requested',
    id,
    request_id: requestId,
    timestamp: at,
    content: [notice.title, notice.message].filter((text) => text.trim() !== '').join('\n\n'),
    status: 'waiting',
    agent_id: target,
    agent_name: target,
    approval: {
      id: notice.approvalId,
      code: notice.code,
      occasion: notice.occasion,
      kind: notice.kind,
      title: notice.title,
      message: notice.message,
      subject: notice.subject === null ? null : { ...notice.subject },
      arguments_hash: notice.argumentsHash,
      answer_schema: notice.answerSchema,
      approvers: [...notice.approvers],
      default: notice.default,
      deadline_at: notice.deadlineAt,
    },
    links: { approval: address, decision: `${address}/decision`, run: `/api/v1/runs/${runId}` },
    metadata: { ...metadata, run_id: runId, ...(sessionId === null ? {} : { session: sessionId }) },
  };
}
