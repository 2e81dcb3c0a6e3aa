import { sql, type Transaction } from 'kysely';
import { AppError, toAppError, type JsonObject } from '../../../base/index.ts';
import type { Queue } from '../../../platform/queue/index.ts';
import type { Database } from '../../../platform/storage/index.ts';
import type { Scope } from '../../../protocol/index.ts';
import type { DefinitionStore } from '../../definitions/index.ts';
import { decodeCursor, encodeCursor, type RunRetrier } from '../../runs/index.ts';
import type { AutomationDeps } from '../automation-deps.ts';
import type {
  BulkResult,
  DeadLetterDesk,
  DeadLetterFilter,
  DeadLetterKind,
  DeadLetterResult,
  DeadLetterSelection,
  DeadLetterView,
} from './dead-letter-desk.ts';
import { createDeliveryLetters } from './delivery-letters.ts';
import { createJobLetters } from './job-letters.ts';
import type { LetterHandler, LetterRow } from './letter-handler.ts';
import { createRunLetters } from './run-letters.ts';
import { createScheduleLetters, createSensorLetters } from './start-letters.ts';

const mostAtOnce = 500;

export interface DeadLetterDeskDeps extends Pick<
  AutomationDeps,
  'storage' | 'clock' | 'runs' | 'evaluate' | 'logger'
> {
  readonly queue: Queue;
  readonly retrier: RunRetrier;
  readonly schedules: DefinitionStore<'Schedule'>;
  readonly sensors: DefinitionStore<'Sensor'>;
}

function statusOf(row: LetterRow): DeadLetterView['status'] {
  if (row.resolved_at === null) return 'open';
  return row.resolution === 'discarded' || row.resolution === 'settled' ? row.resolution : 'retried';
}

function toView(row: LetterRow): DeadLetterView {
  return {
    id: row.id,
    kind: row.kind,
    ref: row.ref_id,
    reason: row.reason,
    error: row.error,
    status: statusOf(row),
    attempts: row.attempts,
    createdAt: row.created_at.toISOString(),
    resolvedAt: row.resolved_at?.toISOString() ?? null,
    resolvedBy: row.resolved_by,
    note: row.note,
    newRunId: row.new_run_id,
  };
}

/** The desk over runs, deliveries, schedules, sensors and jobs. */
export function createDeadLetterDesk(deps: DeadLetterDeskDeps): DeadLetterDesk {
  const { storage, clock } = deps;
  const handlers: Readonly<Record<DeadLetterKind, LetterHandler>> = {
    run: createRunLetters(deps),
    delivery: createDeliveryLetters(deps),
    schedule: createScheduleLetters(deps),
    sensor: createSensorLetters(deps),
    job: createJobLetters(deps),
  };

  async function find(scope: Scope, id: string): Promise<LetterRow> {
    const row = await storage.db
      .selectFrom('dead_letters')
      .selectAll()
      .where('id', '=', id)
      .where('tenant', '=', scope.tenant)
      .executeTakeFirst();
    if (row === undefined) throw new AppError('not_found', `there is no dead letter "${id}"`);
    return row;
  }

  function assertOpen(row: LetterRow): void {
    if (row.resolved_at !== null)
      throw new AppError(
        'conflict',
        `dead letter "${row.id}" was ${statusOf(row)} by ${row.resolved_by ?? 'the platform'}`,
      );
  }

  async function resolve(
    trx: Transaction<Database>,
    id: string,
    how: { resolution: 'retried' | 'discarded'; by: string; note: string | null; newRunId: string | null },
  ): Promise<boolean> {
    const result = await trx
      .updateTable('dead_letters')
      .set({
        resolved_at: new Date(clock.now()),
        resolution: how.resolution,
        resolved_by: how.by,
        note: how.note,
        new_run_id: how.newRunId,
      })
      .where('id', '=', id)
      .where('resolved_at', 'is', null)
      .executeTakeFirst();
    return result.numUpdatedRows === 1n;
  }

  function rows(
    scope: Scope,
    query: DeadLetterFilter & { status?: 'open' | 'resolved' | 'all'; limit: number; cursor?: string },
  ): Promise<LetterRow[]> {
    const { status = 'open' } = query;
    let select = storage.db
      .selectFrom('dead_letters')
      .selectAll()
      .where('tenant', '=', scope.tenant)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(query.limit);
    if (status !== 'all') select = select.where('resolved_at', status === 'open' ? 'is' : 'is not', null);
    if (query.kind !== undefined) select = select.where('kind', '=', query.kind);
    if (query.since !== undefined) select = select.where('created_at', '>=', new Date(query.since));
    if (query.reason !== undefined)
      select = select.where(sql<boolean>`strpos(lower(reason), lower(${query.reason}::text)) > 0`);
    if (query.cursor !== undefined) {
      const { time, id } = decodeCursor(query.cursor);
      select = select.where(sql<boolean>`(created_at, id) < (${time}::timestamptz, ${id}::text)`);
    }
    return select.execute();
  }

  async function many(
    scope: Scope,
    selection: DeadLetterSelection,
    act: (id: string) => Promise<string | null>,
  ): Promise<BulkResult> {
    const found =
      'ids' in selection
        ? selection.ids
        : (await rows(scope, { ...selection.filter, limit: mostAtOnce + 1 })).map((row) => row.id);
    if ('ids' in selection && found.length > mostAtOnce)
      throw new AppError('invalid_request', `ids: at most ${mostAtOnce} at once`);
    const results: DeadLetterResult[] = [];
    // The oldest first: that is the order in which they were meant.
    for (const id of ('ids' in selection ? found : found.slice(0, mostAtOnce).toReversed()).values()) {
      try {
        results.push({ id, ok: true, runId: await act(id), error: null });
      } catch (error) {
        results.push({ id, ok: false, runId: null, error: toAppError(error).toJSON() });
      }
    }
    return { results, more: found.length > mostAtOnce };
  }

  const desk: DeadLetterDesk = {
    async list(scope, query) {
      const found = await rows(scope, { ...query, limit: query.limit + 1 });
      const items = found.slice(0, query.limit);
      const last = found.length > query.limit ? items.at(-1) : undefined;
      return {
        items: items.map(toView),
        next: last === undefined ? null : encodeCursor(last.created_at, last.id),
      };
    },
    async get(scope, id) {
      const row = await find(scope, id);
      const handler = handlers[row.kind];
      return { ...toView(row), payload: await handler.payload(row), subject: await handler.subject(row) };
    },
    async retry(scope, id, patch?: JsonObject) {
      const row = await find(scope, id);
      assertOpen(row);
      const given = patch !== undefined && Object.keys(patch).length > 0 ? patch : undefined;
      try {
        const done = await handlers[row.kind].retry(scope, row, given, (trx, newRunId) =>
          resolve(trx, id, { resolution: 'retried', by: scope.principal, note: null, newRunId }),
        );
        if (done === undefined) {
          assertOpen(await find(scope, id));
          throw new AppError('conflict', `dead letter "${id}" is being resolved`);
        }
        return done;
      } catch (error) {
        await sql`
          update dead_letters set attempts = attempts + 1 where id = ${id} and resolved_at is null`.execute(
          storage.db,
        );
        throw error;
      }
    },
    async discard(scope, id, reason) {
      const row = await find(scope, id);
      assertOpen(row);
      await handlers[row.kind].discard?.(scope, row);
      const done = await storage.transaction((trx) =>
        resolve(trx, id, { resolution: 'discarded', by: scope.principal, note: reason, newRunId: null }),
      );
      if (!done) assertOpen(await find(scope, id));
    },
    retryMany: (scope, selection) =>
      many(scope, selection, async (id) => (await desk.retry(scope, id)).runId),
    discardMany: (scope, selection, reason) =>
      many(scope, selection, async (id) => {
        await desk.discard(scope, id, reason);
        return null;
      }),
  };
  return desk;
}
