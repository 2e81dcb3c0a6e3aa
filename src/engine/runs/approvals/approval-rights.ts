import { AppError } from '../../../base/index.ts';
import { requireScope, type ApprovalCapacity, type Scope } from '../../../protocol/index.ts';
import type { ApprovalRow } from './approval-subject.ts';

type Asked = Pick<ApprovalRow, 'id' | 'approvers' | 'escalate_to' | 'escalated_at' | 'requested_by'>;

/**
 * As what somebody may decide. Error: `forbidden` saying why not.
 *
 * Where approvers are named, they decide (after an escalation also those it went to) and administrators, but never the
 * principal for whom the run acts unless it is one of them. Where nobody is named, the permission is enough.
 */
export function capacityOf(scope: Scope, approval: Asked): ApprovalCapacity {
  requireScope(scope, 'approvals:decide');
  const { principal } = scope;
  if (approval.approvers.includes(principal)) return 'approver';
  if (approval.escalated_at !== null && approval.escalate_to.includes(principal)) return 'escalation';
  if (approval.approvers.length === 0) return 'permission';
  if (approval.requested_by === principal) {
    throw new AppError(
      'forbidden',
      `approval "${approval.id}": ${principal} asked for this and cannot decide it; it is for ${approval.approvers.join(', ')}`,
    );
  }
  if (scope.scopes.includes('admin')) return 'admin';
  throw new AppError(
    'forbidden',
    `approval "${approval.id}" is for ${approval.approvers.join(', ')}, not for ${principal}`,
  );
}
