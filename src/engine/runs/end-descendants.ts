import { sql, type Selectable, type Transaction } from 'kysely';
import { AppError, type Clock } from '../../base/index.ts';
import type { Database, RunsTable } from '../../platform/storage/index.ts';
import type { RunEvent } from '../../protocol/index.ts';
import { runsChannel, type EventBatch, type RunEventLog } from './run-event-log.ts';

type EndedRow = Pick<Selectable<RunsTable>, 'id' | 'input_tokens' | 'output_tokens' | 'cost_usd'>;

/** How the runs below one that has ended are ended with it. */
export interface DescendantsEnding {
  readonly status: 'cancelled' | 'timeout';
  readonly error: AppError;
  /** Last batches of those whose events this process has in memory, by id. */
  readonly batches: ReadonlyMap<string, EventBatch>;
}

const withoutParent = new AppError('cancelled', 'the run that had started this one ended without it');

/** The end of runs that the one above did not wait for. */
export const endedWithoutParent: DescendantsEnding = {
  status: 'cancelled',
  error: withoutParent,
  batches: new Map(),
};

/** The last event of a run that ends because another did. */
export function endEventOf(
  { status, error }: Pick<DescendantsEnding, 'status' | 'error'>,
  row: Omit<EndedRow, 'id'>,
): RunEvent {
  return {
    type: 'run-end',
    status,
    error: error.toJSON(),
    usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens, costUsd: row.cost_usd },
  };
}

/**
 * Ends the unfinished runs below one that has ended, each with its last event, within the transaction that ended it.
 * Call the result after the commit: it tells the watchers in this process.
 */
export async function endDescendants(
  trx: Transaction<Database>,
  deps: { readonly clock: Clock; readonly events: Pick<RunEventLog, 'changed'> },
  runId: string,
  ending: DescendantsEnding = endedWithoutParent,
): Promise<() => void> {
  const now = new Date(deps.clock.now());
  const { rows: ended } = await sql<EndedRow>`
    with recursive below (id) as (
      select id from runs where parent_run_id = ${runId}
      union all select r.id from runs r join below on r.parent_run_id = below.id
    )
    update runs set status = ${ending.status}, ended_at = ${now}::timestamptz, waiting_for = null,
      error = ${JSON.stringify(ending.error)}::jsonb
    where id in (select id from below) and status in ('queued', 'running', 'waiting')
    returning id, input_tokens, output_tokens, cost_usd`.execute(trx);
  if (ended.length === 0) return () => {};
  const logs = ended.map((row) => {
    const batch = ending.batches.get(row.id);
    return {
      id: row.id,
      first: batch?.firstSequence ?? null,
      last: batch?.lastSequence ?? null,
      events:
        batch === undefined
          ? [{ at: now.toISOString(), event: endEventOf(ending, row) }]
          : (JSON.parse(batch.json) as unknown),
    };
  });
  await sql`
    with log as (
      insert into run_events (run_id, first_sequence, last_sequence, events)
      select l.id, coalesce(l.first, s.next), coalesce(l.last, s.next), l.events
      from jsonb_to_recordset(${JSON.stringify(logs)}::jsonb) as l(id text, first int, last int, events jsonb)
      cross join lateral (
        select coalesce(max(last_sequence), 0)::int + 1 as next from run_events where run_id = l.id) s
      on conflict do nothing returning run_id
    ) select max(pg_notify(${runsChannel}, run_id)::text) from log`.execute(trx);
  return () => {
    for (const { id } of ended) deps.events.changed(id);
  };
}
