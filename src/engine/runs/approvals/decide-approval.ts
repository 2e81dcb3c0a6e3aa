import type { Transaction } from 'kysely';
import { AppError, canonicalJson } from '../../../base/index.ts';
import type { Database } from '../../../platform/storage/index.ts';
import type { ApprovalDecision, Scope } from '../../../protocol/index.ts';
import { readDecision, type Verdict } from './approval-answer.ts';
import { defaultSettlement, isLate } from './approval-deadline.ts';
import { capacityOf } from './approval-rights.ts';
import { lockApproval, settleApproval } from './approval-settle.ts';
import type { ApprovalRow } from './approval-subject.ts';
import type { RunEngineDeps } from '../engine-deps.ts';

interface Decided {
  readonly woken: boolean;
  /** Why the decision did not count. Thrown after the commit, so that what the deadline decided stays. */
  readonly refused?: AppError;
}

/**
 * Decides an approval in one transaction. The first decision wins; the same one by the same principal is accepted again
 * without effect, another one is `refused`. A decision after the deadline finds what the deadline decided. Errors:
 * `forbidden`, `invalid_request`, `conflict`.
 */
export async function decideApproval(
  deps: RunEngineDeps,
  scope: Scope,
  found: ApprovalRow,
  decision: ApprovalDecision,
): Promise<Decided> {
  const decided = await deps.storage.transaction((trx) => decideWithin(deps, trx, scope, found, decision));
  deps.failpoint?.('approval-settled-after-commit');
  return decided;
}

async function decideWithin(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  scope: Scope,
  found: ApprovalRow,
  decision: ApprovalDecision,
): Promise<Decided> {
  const asked = await lockApproval(trx, found);
  if (asked === undefined) throw new AppError('not_found', `there is no approval "${found.id}"`);
  const as = capacityOf(scope, asked);
  const verdict = readDecision(asked, decision);
  const late = isLate(asked, deps.clock.now());
  const settlement = late ? defaultSettlement(asked) : { ...verdict, by: scope.principal, as };
  const { settled, woken } = asked.is_open
    ? await settleApproval(deps, trx, asked, settlement)
    : { settled: undefined, woken: false };
  if (settled !== undefined) return late ? { woken, refused: refusal(settled) } : { woken };
  const present = await trx
    .selectFrom('approvals')
    .selectAll()
    .where('id', '=', asked.id)
    .executeTakeFirstOrThrow();
  return isSame(present, scope, verdict) ? { woken } : { woken, refused: refusal(present) };
}

function isSame(approval: ApprovalRow, scope: Scope, verdict: Verdict): boolean {
  return (
    approval.decided_by === scope.principal &&
    approval.status === verdict.status &&
    canonicalJson(approval.answer ?? null) === canonicalJson(verdict.answer)
  );
}

function refusal(approval: ApprovalRow): AppError {
  const { id, status, decided_by: by, decided_at: at } = approval;
  const when = at?.toISOString() ?? 'before';
  const what =
    status === 'cancelled' || status === 'pending'
      ? 'was cancelled: its run has ended'
      : by === null
        ? `was ${status} at ${when} by its deadline`
        : `was ${status} by ${by} at ${when}`;
  return new AppError('conflict', `approval "${id}" ${what}`, {
    details: { status, decided_by: by, decided_at: at?.toISOString() ?? null },
  });
}
