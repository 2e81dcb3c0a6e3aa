import { sql } from 'kysely';
import type { Json } from '../../base/index.ts';
import { AppError } from '../../base/index.ts';
import type { QueueJob } from '../../platform/queue/index.ts';
import { isFinal, type RunTarget, type PermissionScope } from '../../protocol/index.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import type { RunRow } from './end-run.ts';
import { clockOfClaim } from './approvals/approval-clock.ts';
import { fenced } from './interruptions.ts';
import { measuredJson } from './step-outputs.ts';

/**
 * Takes a root run for this worker by raising its epoch; `undefined` when it has ended or does not exist, or when the job
 * has been given to another meanwhile: who was away between the two would take the run from its holder.
 */
export async function claimRun(
  deps: RunEngineDeps,
  workerId: string,
  runId: string,
  job: QueueJob,
): Promise<RunRow | undefined> {
  const now = new Date(deps.clock.now());
  const { rows } = await sql<RunRow>`
    with held as (${deps.queue.held(job)})
    update runs r set epoch = epoch + 1, attempts = attempts + 1, status = 'running', worker_id = ${workerId}, job_id = ${job.id},
      started_at = coalesce(started_at, ${now}::timestamptz), waiting_for = null, ${clockOfClaim(now)},
      history_sequence = coalesce(history_sequence, (select s.last_sequence from sessions s where s.id = r.session_id))
    from held
    where id = ${runId} and status in ('queued', 'running', 'waiting') and parent_run_id is null
    returning r.*`.execute(deps.storage.db);
  return rows[0];
}

/**
 * Creates the child run of a step or finds the one of an earlier execution, and takes it; a final one comes as it is.
 * Only whoever holds the parent may: else it throws `fenced`. Error: `limit_exceeded` when it would be too deep.
 */
export async function claimChild(
  deps: RunEngineDeps,
  workerId: string,
  child: { readonly parent: RunRow; readonly key: string; readonly target: RunTarget; readonly input: Json },
): Promise<RunRow> {
  const { parent, key, target, input } = child;
  const executor = deps.executors[target.kind];
  if (executor === undefined)
    throw new AppError('invalid_request', `this server cannot execute a ${target.kind}`);
  const scope = {
    tenant: parent.tenant,
    principal: parent.principal,
    scopes: parent.scopes as readonly PermissionScope[],
  };
  if (parent.depth >= deps.settings.maxDepth) throw await tooDeep(deps, parent, target);
  const existing = await claimExisting(deps, workerId, parent, key);
  if (existing !== undefined) return existing;
  const snapshot = await executor.snapshot(scope, target.name);
  const now = new Date(deps.clock.now());
  const ownDeadline = deps.clock.now() + snapshot.timeoutMs;
  const deadline = new Date(Math.min(ownDeadline, parent.deadline_at?.getTime() ?? ownDeadline));
  const { rows } = await sql<{ id: string }>`
    with held as (select 1 from runs where id = ${parent.id} and epoch = ${parent.epoch} and status = 'running' for share),
    snapshot as (
      insert into definition_snapshots (hash, kind, name, definition, created_at)
      values (${snapshot.hash}, ${target.kind}, ${target.name}, ${JSON.stringify(snapshot.definition)}::jsonb, ${now}::timestamptz)
      on conflict (hash) do nothing
    )
    insert into runs (id, tenant, principal, scopes, parent_run_id, parent_step_key, root_run_id, target_kind, target_name,
      definition_hash, status, source, input, metadata, deadline_at, created_at, depth, effects)
    select ${deps.ids('run')}, ${parent.tenant}, ${parent.principal}, ${JSON.stringify(parent.scopes)}::jsonb, ${parent.id}, ${key},
      ${parent.root_run_id}, ${target.kind}, ${target.name}, ${snapshot.hash}, 'queued', ${parent.source},
      ${measuredJson(`the input of ${key}`, input).json}::jsonb, '{}'::jsonb, ${deadline}::timestamptz, ${now}::timestamptz,
      ${parent.depth + 1}::int, ${parent.effects}
    from held
    on conflict (parent_run_id, parent_step_key) where parent_run_id is not null do nothing
    returning id`.execute(deps.storage.db);
  const claimed = rows.length === 0 ? undefined : await claimExisting(deps, workerId, parent, key);
  if (claimed === undefined) throw fenced(parent.id);
  return claimed;
}

async function claimExisting(
  deps: RunEngineDeps,
  workerId: string,
  parent: RunRow,
  key: string,
): Promise<RunRow | undefined> {
  const now = new Date(deps.clock.now());
  const { rows } = await sql<RunRow>`
    with held as (select id from runs where id = ${parent.id} and epoch = ${parent.epoch} and status = 'running' for share)
    update runs r set epoch = epoch + 1, attempts = attempts + 1, status = 'running', worker_id = ${workerId},
      started_at = coalesce(started_at, ${now}::timestamptz), waiting_for = null, ${clockOfClaim(now)}
    from held
    where r.parent_run_id = held.id and r.parent_step_key = ${key} and r.status in ('queued', 'running', 'waiting')
    returning r.*`.execute(deps.storage.db);
  if (rows[0] !== undefined) return rows[0];
  const existing = await deps.storage.db
    .selectFrom('runs')
    .selectAll()
    .where('parent_run_id', '=', parent.id)
    .where('parent_step_key', '=', key)
    .executeTakeFirst();
  // There, unfinished, and not to be had: somebody else holds the parent.
  if (existing !== undefined && !isFinal(existing.status)) throw fenced(parent.id);
  return existing;
}

/** The fault of nesting runs too deeply, with the way down to it. */
async function tooDeep(deps: RunEngineDeps, parent: RunRow, target: RunTarget): Promise<AppError> {
  const { rows } = await sql<{ kind: string; name: string }>`
    with recursive up as (
      select id, parent_run_id, depth, target_kind, target_name from runs where id = ${parent.id}
      union all select r.id, r.parent_run_id, r.depth, r.target_kind, r.target_name
        from runs r join up on r.id = up.parent_run_id
    )
    select target_kind as kind, target_name as name from up order by depth`.execute(deps.storage.db);
  const path = [...rows, target].map(({ kind, name }) => `${kind} ${name}`);
  return new AppError(
    'limit_exceeded',
    `runs are nested more than ${deps.settings.maxDepth} deep: ${path.join(' → ')}`,
    { details: { limit: deps.settings.maxDepth, path } },
  );
}
