import { AppError, storable, type Json } from '../../../base/index.ts';
import { schemaFaults } from '../../../capabilities/tools/index.ts';
import type { ApprovalDecision, ApprovalStatus } from '../../../protocol/index.ts';
import type { ApprovalRow } from './approval-subject.ts';

/** What a decision makes of an approval. */
export interface Verdict {
  readonly status: Exclude<ApprovalStatus, 'pending' | 'expired' | 'cancelled'>;
  readonly answer: Json;
  readonly comment: string | null;
}

/** Reads a decision. Errors: `invalid_request` naming the field; `conflict` when it was made about something else. */
export function readDecision(approval: ApprovalRow, made: ApprovalDecision): Verdict {
  const decision = storable(made);
  const { argumentsHash, comment = null } = decision;
  if (argumentsHash !== undefined && argumentsHash !== approval.subject_hash) {
    throw new AppError(
      'conflict',
      `arguments_hash: approval "${approval.id}" is about other arguments than those you were shown; look at it again`,
      { details: { arguments_hash: approval.subject_hash } },
    );
  }
  if (decision.decision === 'reject') return { status: 'rejected', answer: null, comment };
  if (approval.kind === 'approval') return readApproval(approval, decision, comment);
  const { answer } = decision;
  if (answer === undefined) {
    throw new AppError(
      'invalid_request',
      `answer: approval "${approval.id}" is a question and needs an answer`,
    );
  }
  return { status: 'answered', answer: fitting(approval, answer), comment };
}

function readApproval(approval: ApprovalRow, decision: ApprovalDecision, comment: string | null): Verdict {
  if (decision.decision === 'answer') {
    throw new AppError(
      'invalid_request',
      `decision: approval "${approval.id}" asks for yes or no; expected "approve" or "reject"`,
    );
  }
  const { answer } = decision;
  if (answer === undefined || answer === null) return { status: 'approved', answer: null, comment };
  if (approval.answer_schema === null)
    throw new AppError('invalid_request', `answer: approval "${approval.id}" takes none; use comment`);
  return { status: 'approved', answer: fitting(approval, answer), comment };
}

function fitting(approval: ApprovalRow, answer: Json): Json {
  const faults = approval.answer_schema === null ? [] : schemaFaults(approval.answer_schema, answer);
  if (faults.length === 0) return answer;
  const issues = faults.map((fault) => {
    const [field = '', ...message] = fault.split(': ');
    return { path: field === 'value' ? 'answer' : `answer.${field}`, message: message.join(': ') };
  });
  const named = issues.map(({ path, message }) => `${path}: ${message}`);
  throw new AppError('invalid_request', named.join('; '), { details: { issues } });
}
