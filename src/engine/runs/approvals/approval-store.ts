import { sql } from 'kysely';
import { AppError } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type { ApprovalStatus, ApprovalView, Scope, TargetKind } from '../../../protocol/index.ts';
import { approvalCode } from './approval-notices.ts';
import type { ApprovalRow } from './approval-subject.ts';
import { decodeCursor, encodeCursor } from '../page-cursor.ts';
import type { Page } from '../run-store.ts';

interface AskedRow extends ApprovalRow {
  readonly target_kind: TargetKind;
  readonly target_name: string;
}

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

function toView(row: AskedRow): ApprovalView {
  return {
    id: row.id,
    code: approvalCode(row.id),
    runId: row.run_id,
    rootRunId: row.root_run_id,
    stepKey: row.step_key,
    target: { kind: row.target_kind, name: row.target_name },
    kind: row.kind,
    title: row.title,
    message: row.message,
    subject: row.subject,
    argumentsHash: row.subject_hash,
    answerSchema: row.answer_schema,
    approvers: row.approvers,
    escalateTo: row.escalate_to,
    default: row.default_decision,
    requestedBy: row.requested_by,
    status: row.status,
    answer: row.answer ?? null,
    comment: row.comment,
    decidedBy: row.decided_by,
    decidedAs: row.decided_as,
    decidedAt: iso(row.decided_at),
    createdAt: row.created_at.toISOString(),
    deadlineAt: iso(row.deadline_at),
    remindAt: iso(row.remind_at),
    reminders: row.reminders,
    escalateAt: iso(row.escalate_at),
    escalatedAt: iso(row.escalated_at),
    replyTo: row.reply_to,
  };
}

/** Which approvals are listed. `runId`: those of a run and of all its children. */
export interface ApprovalQuery {
  readonly status?: ApprovalStatus | undefined;
  readonly runId?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Reads approvals. Foreign and missing ones are equally `not_found`. */
export class ApprovalStore {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The newest first. */
  async list(scope: Scope, query: ApprovalQuery): Promise<Page<ApprovalView>> {
    let select = this.#select(scope)
      .orderBy('approvals.created_at', 'desc')
      .orderBy('approvals.id', 'desc')
      .limit(query.limit + 1);
    const { status, runId, cursor } = query;
    if (status !== undefined) select = select.where('approvals.status', '=', status);
    if (runId !== undefined) {
      select = select.where((is) =>
        is.or([is('approvals.run_id', '=', runId), is('approvals.root_run_id', '=', runId)]),
      );
    }
    if (cursor !== undefined) {
      const { time, id } = decodeCursor(cursor);
      select = select.where(
        sql<boolean>`(approvals.created_at, approvals.id) < (${time}::timestamptz, ${id})`,
      );
    }
    const rows = await select.execute();
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return {
      items: page.map(toView),
      next: rows.length > query.limit && last !== undefined ? encodeCursor(last.created_at, last.id) : null,
    };
  }

  async view(scope: Scope, idOrCode: string): Promise<ApprovalView> {
    const { id } = await this.find(scope, idOrCode);
    const row = await this.#select(scope).where('approvals.id', '=', id).executeTakeFirstOrThrow();
    return toView(row);
  }

  /**
   * An approval by its id or its code. Errors: `not_found`; `conflict` when a code fits several, of which pending ones
   * come first.
   */
  async find(scope: Scope, idOrCode: string): Promise<ApprovalRow> {
    const isId = idOrCode.startsWith('apr_');
    const wanted = isId ? idOrCode : idOrCode.toLowerCase();
    const rows = await this.#storage.db
      .selectFrom('approvals')
      .selectAll()
      .where('tenant', '=', scope.tenant)
      .where(isId ? sql<boolean>`id = ${wanted}` : sql<boolean>`right(id, 6) = ${wanted}`)
      .orderBy(sql`status <> 'pending'`)
      .limit(3)
      .execute();
    const pending = rows.filter((row) => row.status === 'pending');
    const fitting = pending.length > 0 ? pending : rows;
    const [found, second] = fitting;
    if (found === undefined) throw new AppError('not_found', `there is no approval "${idOrCode}"`);
    if (second !== undefined) {
      throw new AppError('conflict', `"${idOrCode}" fits several approvals; use the whole id`, {
        details: { ids: fitting.map((row) => row.id) },
      });
    }
    return found;
  }

  #select(scope: Scope) {
    return this.#storage.db
      .selectFrom('approvals')
      .innerJoin('runs', 'runs.id', 'approvals.run_id')
      .selectAll('approvals')
      .select(['runs.target_kind', 'runs.target_name'])
      .where('approvals.tenant', '=', scope.tenant);
  }
}
