import type { Json, JsonObject } from '../base/index.ts';
import type { ApprovalSpec } from './definitions/index.ts';
import type { ReplyAddress, RunTarget } from './run.ts';

/** `approval`: yes or no to an act. `question`: an answer that the run goes on with. */
export type ApprovalKind = 'approval' | 'question';

/** Life of an approval; all but `pending` are final. `cancelled`: its run ended before anybody decided. */
export const approvalStatuses = [
  'pending',
  'approved',
  'rejected',
  'answered',
  'expired',
  'cancelled',
] as const;
export type ApprovalStatus = (typeof approvalStatuses)[number];

/** What a run asks a person. */
export interface ApprovalRequest {
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly message: string;
  /** What is to be done, exactly as it will be: shown to whoever decides, and bound to the decision by its hash. */
  readonly subject: { readonly action: string; readonly arguments: Json } | null;
  /** JSON Schema that the answer to a question has to fit. */
  readonly answerSchema: JsonObject | null;
  readonly rules: ApprovalSpec;
}

/** What came of it. */
export interface ApprovalOutcome {
  readonly approvalId: string;
  readonly status: 'approved' | 'rejected' | 'answered' | 'expired';
  readonly answer: Json;
  readonly comment: string | null;
  /** Principal; `null` when the deadline decided. */
  readonly decidedBy: string | null;
  /** ISO 8601. */
  readonly decidedAt: string;
}

/**
 * As what somebody decided: named in `approvers`, named in `escalateTo`, by the permission alone where nobody is named,
 * or as administrator.
 */
export type ApprovalCapacity = 'approver' | 'escalation' | 'permission' | 'admin';

/** An approval as it is shown. Times are ISO 8601. */
export interface ApprovalView {
  readonly id: string;
  /** What people type in place of the id: its last six characters. */
  readonly code: string;
  readonly runId: string;
  readonly rootRunId: string;
  readonly stepKey: string;
  /** What the run that asks executes. */
  readonly target: RunTarget;
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly message: string;
  readonly subject: ApprovalRequest['subject'];
  /** SHA-256 of the canonical JSON of `subject`, hex. */
  readonly argumentsHash: string;
  readonly answerSchema: JsonObject | null;
  readonly approvers: readonly string[];
  readonly escalateTo: readonly string[];
  readonly default: 'approve' | 'reject' | 'fail';
  /** Principal for whom the run acts. */
  readonly requestedBy: string;
  readonly status: ApprovalStatus;
  readonly answer: Json;
  readonly comment: string | null;
  readonly decidedBy: string | null;
  readonly decidedAs: ApprovalCapacity | null;
  readonly decidedAt: string | null;
  readonly createdAt: string;
  readonly deadlineAt: string | null;
  readonly remindAt: string | null;
  readonly reminders: number;
  readonly escalateAt: string | null;
  readonly escalatedAt: string | null;
  /** The chat that is told of it. */
  readonly replyTo: ReplyAddress | null;
}

/** What a person decides. `argumentsHash`: the hash of what was shown to them; refused when something else is asked. */
export interface ApprovalDecision {
  readonly decision: 'approve' | 'reject' | 'answer';
  readonly answer?: Json | undefined;
  readonly comment?: string | undefined;
  readonly argumentsHash?: string | undefined;
}

/** What a chat is told of an approval; `reminder` and `escalation` tell it again. */
export interface ApprovalNotice {
  readonly type: 'approval';
  readonly occasion: 'asked' | 'reminder' | 'escalation';
  readonly approvalId: string;
  readonly code: string;
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly message: string;
  readonly subject: ApprovalRequest['subject'];
  readonly argumentsHash: string;
  readonly answerSchema: JsonObject | null;
  readonly deadlineAt: string | null;
  readonly default: 'approve' | 'reject' | 'fail';
  /** Who may decide; empty when the request names nobody. */
  readonly approvers: readonly string[];
}
