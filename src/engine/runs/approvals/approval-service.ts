import type { ApprovalDecision, ApprovalView, Scope } from '../../../protocol/index.ts';
import { ApprovalStore, type ApprovalQuery } from './approval-store.ts';
import { decideApproval } from './decide-approval.ts';
import type { RunEngineDeps } from '../engine-deps.ts';
import type { Page } from '../run-store.ts';

/** What people are asked, and their decisions. An approval is named by its id or by its code. */
export interface ApprovalService {
  /** The newest first. A bad cursor is `invalid_request`. */
  list(scope: Scope, query: ApprovalQuery): Promise<Page<ApprovalView>>;
  /** Error: `not_found`. */
  get(scope: Scope, idOrCode: string): Promise<ApprovalView>;
  /**
   * Decides; durable, and its run on the way, when this resolves. The same decision by the same principal again changes
   * nothing. Errors: `not_found`; `forbidden` (not an approver); `invalid_request` (the answer does not fit);
   * `conflict` (decided before, its run has ended, or other arguments than those that were shown).
   */
  decide(scope: Scope, idOrCode: string, decision: ApprovalDecision): Promise<ApprovalView>;
}

/** Approvals in the database; `onWoken` is called after a decision that queued a run. */
export function createApprovalService(deps: RunEngineDeps, onWoken: () => void): ApprovalService {
  const store = new ApprovalStore(deps.storage);
  return {
    list: (scope, query) => store.list(scope, query),
    get: (scope, idOrCode) => store.view(scope, idOrCode),
    async decide(scope, idOrCode, decision) {
      const found = await store.find(scope, idOrCode);
      const { woken, refused } = await decideApproval(deps, scope, found, decision);
      if (woken) onWoken();
      if (refused !== undefined) throw refused;
      return store.view(scope, found.id);
    },
  };
}
