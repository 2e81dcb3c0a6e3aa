import { sql } from 'kysely';
import { AppError, type Json } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { RunStatus, Scope } from '../../protocol/index.ts';
import type { RunRow } from './end-run.ts';
import { decodeCursor, encodeCursor } from './page-cursor.ts';
import type { MessageView, Page, RunStore, RunView, SessionView, StepView } from './run-store.ts';

const listColumns = [
  'id',
  'target_kind',
  'target_name',
  'status',
  'session_id',
  'parent_run_id',
  'source',
  'principal',
  'attempts',
  'epoch',
  'input_tokens',
  'output_tokens',
  'cost_usd',
  'error',
  'waiting_for',
  'created_at',
  'started_at',
  'ended_at',
  'metadata',
] as const;

type ListedRun = Pick<RunRow, (typeof listColumns)[number]>;

function toRunView(row: ListedRun): RunView {
  return {
    id: row.id,
    target: { kind: row.target_kind, name: row.target_name },
    status: row.status,
    sessionId: row.session_id,
    parentRunId: row.parent_run_id,
    source: row.source,
    principal: row.principal,
    attempts: row.epoch,
    usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens, costUsd: row.cost_usd },
    error: row.error,
    waitingFor: row.waiting_for ?? [],
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    metadata: row.metadata,
  };
}

function toPage<Row extends { id: string }, View>(
  rows: readonly Row[],
  limit: number,
  time: (row: Row) => Date,
  view: (row: Row) => View,
): Page<View> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(view),
    next: rows.length > limit && last !== undefined ? encodeCursor(time(last), last.id) : null,
  };
}

/** Runs and sessions in the database. Lists never read inputs, outputs or steps. */
export class SqlRunStore implements RunStore {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async list(
    scope: Scope,
    query: { limit: number; cursor?: string; status?: RunStatus; target?: string; sessionId?: string },
  ): Promise<Page<RunView>> {
    let select = this.#storage.db
      .selectFrom('runs')
      .select(listColumns)
      .where('tenant', '=', scope.tenant)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(query.limit + 1);
    if (query.status !== undefined) select = select.where('status', '=', query.status);
    if (query.target !== undefined) select = select.where('target_name', '=', query.target);
    if (query.sessionId !== undefined) select = select.where('session_id', '=', query.sessionId);
    if (query.cursor !== undefined) {
      const { time, id } = decodeCursor(query.cursor);
      select = select.where(sql<boolean>`(created_at, id) < (${time}::timestamptz, ${id})`);
    }
    return toPage(await select.execute(), query.limit, (row) => row.created_at, toRunView);
  }

  async get(scope: Scope, runId: string): Promise<RunView & { readonly input: Json; readonly output: Json }> {
    const row = await this.#storage.db
      .selectFrom('runs')
      .select([...listColumns, 'input', 'output'])
      .where('id', '=', runId)
      .where('tenant', '=', scope.tenant)
      .executeTakeFirst();
    if (row === undefined) throw new AppError('not_found', `there is no run "${runId}"`);
    return { ...toRunView(row), input: row.input, output: row.output ?? null };
  }

  async steps(scope: Scope, runId: string): Promise<readonly StepView[]> {
    await this.get(scope, runId);
    const rows = await this.#storage.db
      .selectFrom('run_steps')
      .selectAll()
      .where('run_id', '=', runId)
      .orderBy('started_at')
      .orderBy('key')
      .execute();
    return rows.map((row) => ({
      key: row.key,
      kind: row.kind,
      status: row.status,
      attempts: row.attempts,
      output: row.output ?? null,
      error: row.error,
      usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens, costUsd: row.cost_usd },
      startedAt: row.started_at.toISOString(),
      endedAt: row.ended_at?.toISOString() ?? null,
    }));
  }

  async listSessions(
    scope: Scope,
    query: { limit: number; cursor?: string; agent?: string },
  ): Promise<Page<SessionView>> {
    let select = this.#storage.db
      .selectFrom('sessions')
      .selectAll()
      .where('tenant', '=', scope.tenant)
      .orderBy('updated_at', 'desc')
      .orderBy('id', 'desc')
      .limit(query.limit + 1);
    if (query.agent !== undefined) select = select.where('agent', '=', query.agent);
    if (query.cursor !== undefined) {
      const { time, id } = decodeCursor(query.cursor);
      select = select.where(sql<boolean>`(updated_at, id) < (${time}::timestamptz, ${id})`);
    }
    return toPage(
      await select.execute(),
      query.limit,
      (row) => row.updated_at,
      (row) => ({
        id: row.id,
        key: row.key,
        agent: row.agent,
        source: row.source,
        title: row.title,
        messageCount: row.last_sequence,
        createdAt: row.created_at.toISOString(),
        updatedAt: row.updated_at.toISOString(),
      }),
    );
  }

  async getSession(scope: Scope, sessionId: string): Promise<SessionView> {
    const row = await this.#storage.db
      .selectFrom('sessions')
      .selectAll()
      .where('id', '=', sessionId)
      .where('tenant', '=', scope.tenant)
      .executeTakeFirst();
    if (row === undefined) throw new AppError('not_found', `there is no session "${sessionId}"`);
    return {
      id: row.id,
      key: row.key,
      agent: row.agent,
      source: row.source,
      title: row.title,
      messageCount: row.last_sequence,
      createdAt: row.created_at.toISOString(),
      updatedAt: row.updated_at.toISOString(),
    };
  }

  async messages(
    scope: Scope,
    sessionId: string,
    query: { limit: number; cursor?: string },
  ): Promise<Page<MessageView>> {
    await this.getSession(scope, sessionId);
    const after = query.cursor === undefined ? 0 : Number(query.cursor);
    if (!Number.isSafeInteger(after) || after < 0) {
      throw new AppError('invalid_request', 'cursor: expected the "next" value of an earlier page');
    }
    const rows = await this.#storage.db
      .selectFrom('messages')
      .selectAll()
      .where('session_id', '=', sessionId)
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(query.limit + 1)
      .execute();
    const page = rows.slice(0, query.limit);
    return {
      items: page.map((row) => ({
        id: row.id,
        sequence: row.sequence,
        runId: row.run_id,
        message: row.message,
        createdAt: row.created_at.toISOString(),
      })),
      next: rows.length > query.limit ? String(page.at(-1)?.sequence) : null,
    };
  }

  async deleteSession(scope: Scope, sessionId: string): Promise<void> {
    await this.#storage.transaction(async (trx) => {
      const session = await trx
        .selectFrom('sessions')
        .select('id')
        .where('id', '=', sessionId)
        .where('tenant', '=', scope.tenant)
        .forUpdate()
        .executeTakeFirst();
      if (session === undefined) throw new AppError('not_found', `there is no session "${sessionId}"`);
      const busy = await trx
        .selectFrom('runs')
        .select('id')
        .where('session_id', '=', sessionId)
        .where('status', 'in', ['queued', 'running', 'waiting'])
        .executeTakeFirst();
      if (busy !== undefined) {
        throw new AppError(
          'conflict',
          `session "${sessionId}" has run "${busy.id}" under way; cancel it first`,
        );
      }
      await trx.updateTable('runs').set({ session_id: null }).where('session_id', '=', sessionId).execute();
      await trx.deleteFrom('messages').where('session_id', '=', sessionId).execute();
      await trx.deleteFrom('sessions').where('id', '=', sessionId).execute();
    });
  }
}
