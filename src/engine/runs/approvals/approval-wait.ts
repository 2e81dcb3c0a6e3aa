import { AppError, type Json } from '../../../base/index.ts';
import type { ApprovalOutcome, ApprovalRequest, RunEvent } from '../../../protocol/index.ts';
import type { RunActivity } from '../activity-monitor.ts';
import { askForApproval, findApproval, type AskingRun } from './approval-ask.ts';
import { boundInput, refuseChangedRequest, type ApprovalRow } from './approval-subject.ts';
import type { RunEngineDeps } from '../engine-deps.ts';
import type { RunJournal } from '../journal.ts';
import type { RunContext } from '../run-context.ts';

interface ApprovalOwner extends AskingRun {
  readonly journal: RunJournal;
  readonly activity: RunActivity;
  readonly emit: (event: RunEvent) => void;
}

/** An outcome as the journal takes it. */
type JournaledOutcome = ApprovalOutcome & { readonly [name: string]: Json };

/** `approve` of a run's context: asks once, waits as a row, and journals what came of it. */
export function createApprove(deps: RunEngineDeps, owner: ApprovalOwner): RunContext['approve'] {
  const { runId, epoch, journal, activity, emit } = owner;

  /** The approval as it is now, asked if it was not. A decided one has no need of a wait. */
  async function ask(key: string, request: ApprovalRequest): Promise<ApprovalRow> {
    const earlier = epoch > 1 ? await findApproval(deps, runId, key) : undefined;
    if (earlier !== undefined && earlier.status !== 'pending') {
      refuseChangedRequest(key, earlier, request);
      return earlier;
    }
    const { approval, isNew } = await askForApproval(deps, owner, key, request);
    refuseChangedRequest(key, approval, request);
    deps.failpoint?.('approval-after-commit');
    if (isNew) {
      const deadlineAt = approval.deadline_at?.toISOString() ?? null;
      const { kind, title } = request;
      emit({ type: 'approval-requested', step: key, approvalId: approval.id, kind, title, deadlineAt });
    }
    return approval;
  }

  function decided(key: string, approval: ApprovalRow): JournaledOutcome {
    const outcome = outcomeOf(approval);
    const { approvalId, status, decidedBy } = outcome;
    emit({ type: 'approval-decided', step: key, approvalId, status, decidedBy });
    return { ...outcome };
  }

  return async (key, request) => {
    let approval: ApprovalRow | undefined;
    if (!journal.has(key)) {
      approval = await activity.until<ApprovalRow>({ runId, key }, async () => {
        const seen = approval === undefined ? undefined : await findApproval(deps, runId, key);
        const found = (approval = seen ?? (await ask(key, request)));
        // Its deadline is the sweeper's to keep.
        return found.status === 'pending' ? { dueAt: null } : { value: found };
      });
    }
    try {
      return await journal.step(
        key,
        'approval',
        () => (approval === undefined ? never(key) : Promise.resolve(decided(key, approval))),
        { input: boundInput(request), name: request.title },
      );
    } catch (error) {
      if (error instanceof AppError && error.code === 'nondeterministic_run') {
        const asked = await findApproval(deps, runId, key);
        if (asked !== undefined) refuseChangedRequest(key, asked, request);
      }
      throw error;
    }
  };
}

/** The journal answers for a step that it holds. */
function never(key: string): Promise<never> {
  return Promise.reject(new AppError('internal', `approval "${key}" was not asked before its step`));
}

function outcomeOf(approval: ApprovalRow): ApprovalOutcome {
  const { id, status } = approval;
  if (status === 'pending' || status === 'cancelled')
    throw new AppError('cancelled', `approval "${id}" ended without a decision`);
  return {
    approvalId: id,
    status,
    answer: approval.answer ?? null,
    comment: approval.comment,
    decidedBy: approval.decided_by,
    decidedAt: (approval.decided_at ?? approval.created_at).toISOString(),
  };
}
