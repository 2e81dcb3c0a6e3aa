import { createHash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { AppError, canonicalJson, toAppError } from '../../base/index.ts';
import { createJobId } from '../../platform/queue/index.ts';
import type { Database } from '../../platform/storage/index.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import type { BatchItem, BatchOutcome, RunExecutor } from './run-context.ts';
import { measuredJson } from './step-outputs.ts';
import { queueKey, type KnownSnapshots } from './submit-request.ts';

/** Work of the caller in the transaction that accepts the batch; it comes first. False: nothing is accepted. */
export type WithinBatch = (trx: Transaction<Database>) => Promise<boolean>;

type Snapshot = Awaited<ReturnType<RunExecutor['snapshot']>>;

interface Candidate {
  readonly runId: string;
  readonly requestId: string;
  readonly jobId: string;
  readonly item: BatchItem;
  readonly snapshot: Snapshot;
}

/** So many rows are one statement; the next ones are prepared while the database writes them. */
const rowsAtOnce = 125;

/** Accepts requests in their order: inbox rows, sessions, runs and jobs in one transaction, by few statements. */
export async function submitBatch(
  deps: RunEngineDeps,
  known: KnownSnapshots,
  items: readonly BatchItem[],
  within?: WithinBatch,
): Promise<readonly BatchOutcome[] | undefined> {
  const outcomes = new Map<BatchItem, BatchOutcome>();
  const snapshots = new Map<string, Promise<Snapshot>>();
  const candidates: Candidate[] = [];
  const now = deps.clock.now();
  for (const item of items) {
    try {
      const snapshot = await check(deps, item, snapshots);
      candidates.push({
        runId: deps.ids('run'),
        requestId: deps.ids('req'),
        jobId: createJobId(deps.clock.now()),
        item,
        snapshot,
      });
    } catch (error) {
      const refusal = toAppError(error);
      // What may work later is no fault of the request.
      if (refusal.retryable || refusal.fault !== 'caller') throw error;
      outcomes.set(item, { outcome: 'refused', error: refusal });
    }
  }
  deps.failpoint?.('batch-begin');
  const isWanted = await deps.storage.transaction(async (trx) => {
    if (within !== undefined && !(await within(trx))) return false;
    await writeSnapshots(deps, known, trx, candidates);
    const started = await writeRuns(deps, trx, candidates, now);
    const jobs = candidates.flatMap(({ runId, jobId }) =>
      started.has(runId)
        ? [{ id: jobId, payload: { runId }, key: queueKey(runId, started.get(runId) ?? null) }]
        : [],
    );
    await deps.queue.sendAll('runs', jobs, trx);
    for (const { item, runId, requestId } of candidates) {
      const sessionId = started.get(runId);
      outcomes.set(
        item,
        sessionId === undefined
          ? { outcome: 'duplicate' }
          : { outcome: 'submitted', runId, requestId, sessionId },
      );
    }
    deps.failpoint?.('batch-before-commit');
    return true;
  });
  deps.failpoint?.('batch-after-commit');
  if (!isWanted) return undefined;
  for (const { snapshot } of candidates) known.add(snapshot.hash);
  return items.map((item) => outcomes.get(item) ?? { outcome: 'duplicate' });
}

/** Error: whatever says that this request can never be run. */
async function check(
  deps: RunEngineDeps,
  { scope, request: { target, input } }: BatchItem,
  snapshots: Map<string, Promise<Snapshot>>,
): Promise<Snapshot> {
  const executor = deps.executors[target.kind];
  if (executor === undefined)
    throw new AppError('invalid_request', `targets of kind "${target.kind}" cannot be run by this server`);
  measuredJson('input:', input);
  const key = `${scope.tenant}:${target.kind}:${target.name}`;
  const asked = snapshots.get(key) ?? executor.snapshot(scope, target.name);
  snapshots.set(key, asked);
  const snapshot = await asked;
  executor.accept?.(snapshot.definition, input);
  return snapshot;
}

async function writeSnapshots(
  { clock }: RunEngineDeps,
  known: KnownSnapshots,
  trx: Transaction<Database>,
  candidates: readonly Candidate[],
): Promise<void> {
  const fresh = new Map(
    candidates
      .filter(({ snapshot }) => !known.has(snapshot.hash))
      .map(({ item, snapshot }) => [
        snapshot.hash,
        { ...item.request.target, definition: snapshot.definition },
      ]),
  );
  for (const [hash, { kind, name, definition }] of fresh) {
    await sql`
      insert into definition_snapshots (hash, kind, name, definition, created_at)
      values (${hash}, ${kind}, ${name}, ${JSON.stringify(definition)}::jsonb, ${new Date(clock.now())}::timestamptz)
      on conflict (hash) do nothing`.execute(trx);
  }
}

/**
 * Returns the session of each run that was made. Keys and sessions are locked in one order, so that no two batches wait for
 * each other: within a statement by their names, and a batch of several statements has one writer at a time.
 */
async function writeRuns(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  candidates: readonly Candidate[],
  now: number,
): Promise<ReadonlyMap<string, string | null>> {
  const started = new Map<string, string | null>();
  let writing: Promise<void> = Promise.resolve();
  for (let from = 0; from < candidates.length; from += rowsAtOnce) {
    const rows = JSON.stringify(
      candidates.slice(from, from + rowsAtOnce).map((one, index) => rowOf(deps, one, from + index, now)),
    );
    await writing;
    writing = insertRuns(trx, rows, now).then((written) => {
      for (const row of written) started.set(row.run_id, row.session_id);
    });
  }
  await writing;
  return started;
}

function rowOf(
  { ids }: RunEngineDeps,
  { runId, requestId, jobId, item: { scope, request }, snapshot }: Candidate,
  place: number,
  now: number,
) {
  return {
    place,
    tenant: scope.tenant,
    principal: scope.principal,
    scopes: scope.scopes,
    run_id: runId,
    request_id: requestId,
    job_id: jobId,
    source: request.source,
    dedupe_key: request.dedupeKey,
    digest: createHash('sha256').update(canonicalJson(request)).digest('base64url'),
    request,
    session_key: request.sessionKey,
    session_id: request.sessionKey?.startsWith('ses_') ? request.sessionKey : ids('ses'),
    kind: request.target.kind,
    name: request.target.name,
    hash: snapshot.hash,
    deadline: new Date(now + (request.timeoutMs ?? snapshot.timeoutMs)).toISOString(),
  };
}

async function insertRuns(
  trx: Transaction<Database>,
  rows: string,
  now: number,
): Promise<readonly { run_id: string; session_id: string | null }[]> {
  const { rows: started } = await sql<{ run_id: string; session_id: string | null }>`
    with input as materialized (
      select * from jsonb_to_recordset(${rows}::jsonb) as r(place int, tenant text,
        principal text, scopes jsonb, run_id text, request_id text,
        job_id uuid, source text, dedupe_key text, digest text, request jsonb, session_key text, session_id text,
        kind text, name text, hash text, deadline timestamptz)
    ), accepted as (
      insert into inbox (id, tenant, source, dedupe_key, digest, request, run_id, received_at)
      select request_id, tenant, source, dedupe_key, digest, request, run_id, ${new Date(now)}::timestamptz
      from input order by tenant, source, dedupe_key, place
      on conflict (tenant, source, dedupe_key) where dedupe_key is not null do nothing
      returning id
    ), fresh as (
      select input.* from input join accepted on accepted.id = input.request_id
    ), session as (
      insert into sessions as s (id, tenant, key, agent, principal, source, created_at, updated_at)
      select distinct on (tenant, session_key) session_id, tenant, session_key, name, principal, source,
        ${new Date(now)}::timestamptz, ${new Date(now)}::timestamptz
      from fresh where session_key is not null order by tenant, session_key, place
      on conflict (tenant, key) do update set updated_at = excluded.updated_at
      returning s.id, s.tenant, s.key
    )
    insert into runs (id, tenant, principal, scopes, request_id, root_run_id, target_kind, target_name,
      definition_hash, session_id, status, job_id, source, input, reply_to, metadata, deadline_at, created_at)
    select f.run_id, f.tenant, f.principal, f.scopes, f.request_id, f.run_id,
      f.kind, f.name, f.hash, session.id, 'queued', f.job_id, f.source, coalesce(f.request->'input', 'null'::jsonb),
      nullif(f.request->'replyTo', 'null'::jsonb), f.request->'metadata', f.deadline, ${new Date(now)}::timestamptz
    from fresh f left join session on session.tenant = f.tenant and session.key = f.session_key
    order by f.place
    returning id as run_id, session_id`.execute(trx);
  return started;
}
