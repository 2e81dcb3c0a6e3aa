import { sql } from 'kysely';
import { AppError } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { isFinal, type RunEvent, type Scope } from '../../protocol/index.ts';
import type { StepProgress } from './run-store.ts';

type StepEvent = Extract<RunEvent, { type: 'step-start' | 'step-end' }>;

/**
 * The steps of a run as far as they are. The journal knows what has finished, the events know names and what has begun;
 * outputs are not read.
 */
export async function readProgress(
  storage: Storage,
  scope: Scope,
  runId: string,
): Promise<readonly StepProgress[]> {
  const run = await storage.db
    .selectFrom('runs')
    .select('status')
    .where('id', '=', runId)
    .where('tenant', '=', scope.tenant)
    .executeTakeFirst();
  if (run === undefined) throw new AppError('not_found', `there is no run "${runId}"`);
  const { rows: told } = await sql<{ at: string; event: StepEvent }>`
    select one.value ->> 'at' as at, one.value -> 'event' as event
    from run_events e cross join lateral jsonb_array_elements(e.events) with ordinality as one (value, place)
    where e.run_id = ${runId} and one.value -> 'event' ->> 'type' in ('step-start', 'step-end')
    order by e.first_sequence, one.place`.execute(storage.db);
  const rows = await storage.db
    .selectFrom('run_steps')
    .select(['key', 'kind', 'status', 'attempts', 'error', 'started_at', 'ended_at'])
    .where('run_id', '=', runId)
    .orderBy('started_at')
    .orderBy('key')
    .execute();
  const names = new Map<string, string>();
  const underWay = new Map<string, StepProgress>();
  for (const { at, event } of told) {
    if (event.type === 'step-end') {
      underWay.delete(event.step);
      continue;
    }
    const { step: key, kind, attempt, name = null } = event;
    if (name !== null) names.set(key, name);
    underWay.set(key, {
      key,
      kind,
      name,
      status: 'started',
      attempts: attempt,
      error: null,
      startedAt: at,
      endedAt: null,
    });
  }
  const journal = rows.map((row): StepProgress => ({
    key: row.key,
    kind: row.kind,
    name: names.get(row.key) ?? null,
    status: row.status,
    attempts: row.attempts,
    error: row.error,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
  }));
  for (const { key } of journal) underWay.delete(key);
  // Nothing of a run that has ended is under way, whatever its last execution left unsaid.
  return isFinal(run.status) ? journal : [...journal, ...underWay.values()];
}
