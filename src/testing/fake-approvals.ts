import { AppError } from '../base/index.ts';
import type { ApprovalQuery, ApprovalService } from '../engine/runs/index.ts';
import type { ApprovalDecision, ApprovalView, Scope } from '../protocol/index.ts';

/** A pending approval of a tool call. */
export function pendingApproval(more: Partial<ApprovalView> = {}): ApprovalView {
  return {
    id: 'apr_000001',
    code: '000001',
    runId: 'run_1',
    rootRunId: 'run_1',
    stepKey: 'approve:mail',
    target: { kind: 'agent', name: 'helper' },
    kind: 'approval',
    title: 'Send the mail?',
    message: '',
    subject: { action: 'send_mail', arguments: { to: 'ada@example.org' } },
    argumentsHash: 'a'.repeat(64),
    answerSchema: null,
    approvers: [],
    escalateTo: [],
    default: 'fail',
    requestedBy: 'key:1',
    status: 'pending',
    answer: null,
    comment: null,
    decidedBy: null,
    decidedAs: null,
    decidedAt: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    deadlineAt: null,
    remindAt: null,
    reminders: 0,
    escalateAt: null,
    escalatedAt: null,
    replyTo: null,
    ...more,
  };
}

/** Approvals in memory: decisions are taken as they come and kept. */
export class FakeApprovals implements ApprovalService {
  all: ApprovalView[] = [pendingApproval()];
  readonly queries: ApprovalQuery[] = [];
  readonly decisions: { principal: string; id: string; decision: ApprovalDecision }[] = [];

  list(_scope: Scope, query: ApprovalQuery) {
    this.queries.push(query);
    const items = this.all.filter((one) => query.status === undefined || one.status === query.status);
    return Promise.resolve({ items, next: null });
  }

  get(_scope: Scope, idOrCode: string): Promise<ApprovalView> {
    const found = this.all.find((one) => one.id === idOrCode || one.code === idOrCode);
    if (found !== undefined) return Promise.resolve(found);
    return Promise.reject(new AppError('not_found', `there is no approval "${idOrCode}"`));
  }

  async decide(scope: Scope, idOrCode: string, decision: ApprovalDecision): Promise<ApprovalView> {
    const found = await this.get(scope, idOrCode);
    this.decisions.push({ principal: scope.principal, id: found.id, decision });
    const status = { approve: 'approved', reject: 'rejected', answer: 'answered' } as const;
    return {
      ...found,
      status: status[decision.decision],
      answer: decision.answer ?? null,
      comment: decision.comment ?? null,
      decidedBy: scope.principal,
      decidedAs: 'permission',
      decidedAt: '2026-01-01T00:01:00.000Z',
    };
  }
}
