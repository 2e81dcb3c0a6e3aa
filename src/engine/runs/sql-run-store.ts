import { sql, type Selectable } from 'kysely';
import { AppError, type Json } from '../../base/index.ts';
import type { BlobStore } from '../../platform/blobs/index.ts';
import type { RunStepsTable, SessionsTable, Storage } from '../../platform/storage/index.ts';
import type { Scope } from '../../protocol/index.ts';
import type { RunRow } from './end-run.ts';
import { readProgress } from './read-progress.ts';
import { decodeCursor, encodeCursor } from './page-cursor.ts';
import type {
  MessageView,
  Page,
  RunQuery,
  RunStore,
  RunView,
  SessionView,
  StepProgress,
  StepView,
} from './run-store.ts';
import { loadOutput } from './step-outputs.ts';

const listColumns = [
  'id',
  'target_kind',
  'target_name',
  'status',
  'session_id',
  'parent_run_id',
  'parent_step_key',
  'root_run_id',
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
  'forked_from',
  'forked_at_step',
  'effects',
] as const;

type ListedRun = Pick<RunRow, (typeof listColumns)[number]>;

function toRunView(row: ListedRun): RunView {
  return {
    id: row.id,
    target: { kind: row.target_kind, name: row.target_name },
    status: row.status,
    sessionId: row.session_id,
    parentRunId: row.parent_run_id,
    parentStepKey: row.parent_step_key,
    rootRunId: row.root_run_id,
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
    forkedFrom: row.forked_from,
    forkedAtStep: row.forked_at_step,
    effects: row.effects,
  };
}

function toSessionView(row: Selectable<SessionsTable>): SessionView {
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

function toStepView(row: Selectable<RunStepsTable>, output: Json): StepView {
  return {
    key: row.key,
    kind: row.kind,
    status: row.status,
    attempts: row.attempts,
    output,
    error: row.error,
    usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens, costUsd: row.cost_usd },
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
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
  readonly #blobs: BlobStore | undefined;

  /** Without a blob store, large outputs are always markers. */
  constructor(storage: Storage, blobs?: BlobStore) {
    this.#storage = storage;
    this.#blobs = blobs;
  }

  async list(scope: Scope, query: RunQuery): Promise<Page<RunView>> {
    let select = this.#storage.db
      .selectFrom('runs')
      .select(listColumns)
      .where('tenant', '=', scope.tenant)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(query.limit + 1);
    if (query.status !== undefined) select = select.where('status', '=', query.status);
    if (query.targetKind !== undefined) select = select.where('target_kind', '=', query.targetKind);
    if (query.parentRunId !== undefined) select = select.where('parent_run_id', '=', query.parentRunId);
    if (query.rootRunId !== undefined)
      select = select.where('root_run_id', '=', query.rootRunId).whereRef('root_run_id', '<>', 'id');
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

  async steps(
    scope: Scope,
    runId: string,
    options: { readonly full?: boolean } = {},
  ): Promise<readonly StepView[]> {
    await this.get(scope, runId);
    const rows = await this.#storage.db
      .selectFrom('run_steps')
      .selectAll()
      .where('run_id', '=', runId)
      .orderBy('started_at')
      .orderBy('key')
      .execute();
    const blobs = options.full === true ? this.#blobs : undefined;
    const outputOf = async (row: (typeof rows)[number]): Promise<Json> => {
      if (row.output_blob === null) return row.output ?? null;
      if (blobs !== undefined) return loadOutput(blobs, row.key, row.output_blob);
      return { $blob: row.output_blob, bytes: row.output_bytes ?? 0 };
    };
    const views: StepView[] = [];
    for (const row of rows) views.push(toStepView(row, await outputOf(row)));
    return views;
  }

  progress(scope: Scope, runId: string): Promise<readonly StepProgress[]> {
    return readProgress(this.#storage, scope, runId);
  }

  async definition(scope: Scope, runId: string): Promise<Json> {
    const row = await this.#storage.db
      .selectFrom('runs')
      .leftJoin('definition_snapshots as snapshot', 'snapshot.hash', 'runs.definition_hash')
      .select(['runs.id', 'snapshot.definition'])
      .where('runs.id', '=', runId)
      .where('runs.tenant', '=', scope.tenant)
      .executeTakeFirst();
    if (row === undefined) throw new AppError('not_found', `there is no run "${runId}"`);
    return row.definition;
  }

  async children(scope: Scope, runId: string): Promise<readonly RunView[]> {
    const rows = await this.#storage.db
      .selectFrom('runs')
      .select(listColumns)
      .where('parent_run_id', '=', runId)
      .where('tenant', '=', scope.tenant)
      .orderBy('created_at')
      .orderBy('parent_step_key')
      .execute();
    return rows.map(toRunView);
  }

  async tree(
    scope: Scope,
    runId: string,
    { limit }: { limit: number },
  ): Promise<{ runs: readonly RunView[]; truncated: boolean }> {
    const columns = sql.join(listColumns.map((column) => sql.ref(`r.${column}`)));
    const { rows } = await sql<ListedRun>`
      with recursive tree as (
        select id, 0 as level from runs where id = ${runId} and tenant = ${scope.tenant}
        union all
        select r.id, t.level + 1 from runs r join tree t on r.parent_run_id = t.id
      )
      select ${columns} from tree t join runs r on r.id = t.id
      order by t.level, r.created_at, r.parent_step_key, r.id limit ${limit + 1}`.execute(this.#storage.db);
    if (rows.length === 0) throw new AppError('not_found', `there is no run "${runId}"`);
    return { runs: rows.slice(0, limit).map(toRunView), truncated: rows.length > limit };
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
    return toPage(await select.execute(), query.limit, (row) => row.updated_at, toSessionView);
  }

  async getSession(scope: Scope, sessionId: string): Promise<SessionView> {
    const row = await this.#storage.db
      .selectFrom('sessions')
      .selectAll()
      .where('id', '=', sessionId)
      .where('tenant', '=', scope.tenant)
      .executeTakeFirst();
    if (row === undefined) throw new AppError('not_found', `there is no session "${sessionId}"`);
    return toSessionView(row);
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
      // Their blobs are swept: nothing refers to them any more.
      await sql`
        delete from run_files where run_id in (select id from runs where session_id = ${sessionId})`.execute(
        trx,
      );
      await trx.updateTable('runs').set({ session_id: null }).where('session_id', '=', sessionId).execute();
      await trx.deleteFrom('messages').where('session_id', '=', sessionId).execute();
      await trx.deleteFrom('sessions').where('id', '=', sessionId).execute();
    });
  }
}
