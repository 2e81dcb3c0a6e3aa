import { sql, type Transaction } from 'kysely';
import { AppError, isJsonObject, type Clock, type IdGenerator, type Json } from '../../../base/index.ts';
import type { BlobStore } from '../../../platform/blobs/index.ts';
import { createJobId, type Queue } from '../../../platform/queue/index.ts';
import type { Database, Storage } from '../../../platform/storage/index.ts';
import type { AgentRequest, RunEffects, Scope } from '../../../protocol/index.ts';
import type { SubmittedRun } from '../run-context.ts';
import { copiedDigest } from '../step-digest.ts';
import { StepOutputs } from '../step-outputs.ts';
import type { StepOutput } from '../step-record.ts';
import type { RunRow } from '../end-run.ts';
import { queueKey, type WithinSubmit } from '../submit-request.ts';
import type { ForkPlan } from './fork-plan.ts';

export interface ForkWriterDeps {
  readonly storage: Storage;
  readonly blobs: BlobStore;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly ids: IdGenerator;
}

/** A fork as it is to be written. */
export interface NewFork {
  readonly scope: Scope;
  readonly plan: ForkPlan;
  /** Path of the first step that the fork does itself; `null` when it keeps all that was finished. */
  readonly from: string | null;
  readonly definition: { readonly hash: string; readonly definition: Json };
  readonly request: AgentRequest;
  readonly effects: RunEffects;
  /** The session that the fork is part of; without one it only sees the past of its origin's. */
  readonly sessionId: string | null;
  /** Longest life; `null`: no limit. */
  readonly timeoutMs: number | null;
  /** Refused while another run that goes on from the same origin is under way or has completed. */
  readonly onlyOnce: boolean;
  /** First work of the transaction. False: nothing is written. */
  readonly within?: WithinSubmit | undefined;
}

/** Error: `conflict` when the origin goes on already. The row is locked, so that two who ask at once are told apart. */
async function assertFirst(trx: Transaction<Database>, originId: string): Promise<void> {
  await sql`select 1 from runs where id = ${originId} for update`.execute(trx);
  const { rows } = await sql<{ id: string; status: string }>`
    select id, status from runs where forked_from = ${originId} and metadata ->> 'resumed_from' = ${originId}
      and status not in ('failed', 'cancelled', 'timeout') limit 1`.execute(trx);
  const [other] = rows;
  if (other !== undefined)
    throw new AppError(
      'conflict',
      `run "${originId}" was resumed already as run "${other.id}", which is ${other.status}`,
    );
}

/**
 * Writes a new run with the steps it takes over, its children and its job, in one transaction. `undefined`: `within` did
 * not want it.
 */
export async function writeFork(deps: ForkWriterDeps, fork: NewFork): Promise<SubmittedRun | undefined> {
  const { storage, queue, clock, ids } = deps;
  const { scope, plan, request, definition, sessionId } = fork;
  const { row: origin } = plan.origin;
  const copy = await prepareCopy(deps, plan);
  const runId = copy.id;
  const requestId = ids('req');
  const now = new Date(clock.now());
  const jobId = createJobId(clock.now());
  const deadline = fork.timeoutMs === null ? null : new Date(clock.now() + fork.timeoutMs);
  const written = await storage.transaction(async (trx) => {
    if (fork.within !== undefined && !(await fork.within(trx, runId))) return false;
    if (fork.onlyOnce) await assertFirst(trx, origin.id);
    await writeDefinition(trx, origin, definition, now);
    await sql`
      insert into inbox (id, tenant, source, dedupe_key, digest, request, run_id, received_at)
      values (${requestId}, ${scope.tenant}, ${request.source}, null, '', ${JSON.stringify(request)}::jsonb, ${runId}, ${now}::timestamptz)`.execute(
      trx,
    );
    await sql`
      insert into runs (id, tenant, principal, scopes, request_id, root_run_id, target_kind, target_name, definition_hash,
        session_id, history_session_id, history_sequence, status, job_id, source, input, reply_to, metadata, deadline_at,
        created_at, forked_from, forked_at_step, effects)
      values (${runId}, ${scope.tenant}, ${scope.principal}, ${JSON.stringify(scope.scopes)}::jsonb, ${requestId}, ${runId},
        ${origin.target_kind}, ${origin.target_name}, ${definition.hash}, ${sessionId},
        ${origin.session_id ?? origin.history_session_id}, ${origin.history_sequence}::bigint, 'queued', ${jobId}, ${request.source},
        ${JSON.stringify(request.input)}::jsonb, ${request.replyTo === null ? null : JSON.stringify(request.replyTo)}::jsonb,
        ${JSON.stringify(request.metadata)}::jsonb, ${deadline}::timestamptz, ${now}::timestamptz, ${origin.id}, ${fork.from},
        ${fork.effects})`.execute(trx);
    // Its input names them, and its origin may be deleted before it.
    await sql`
      insert into run_files (run_id, id, tenant, direction, name, mime_type, size_bytes, created_at)
      select ${runId}, id, tenant, direction, name, mime_type, size_bytes, created_at
      from run_files where run_id = ${origin.root_run_id}`.execute(trx);
    await writeCopy(trx, copy, {
      rootRunId: runId,
      scope,
      now,
      deadline,
      effects: fork.effects,
      depth: 0,
    });
    await queue.send('runs', { id: jobId, payload: { runId }, key: queueKey(runId, sessionId) }, trx);
    return true;
  });
  if (!written) return undefined;
  return { runId, requestId, sessionId, duplicate: false };
}

async function writeDefinition(
  trx: Transaction<Database>,
  { target_kind: kind, target_name: name }: RunRow,
  { hash, definition }: NewFork['definition'],
  now: Date,
): Promise<void> {
  await sql`
    insert into definition_snapshots (hash, kind, name, definition, created_at)
    values (${hash}, ${kind}, ${name}, ${JSON.stringify(definition)}::jsonb, ${now}::timestamptz)
    on conflict (hash) do nothing`.execute(trx);
}

/** A run that is to be written: what it takes over, under which id, with which outputs of its own. */
interface RunCopy {
  readonly id: string;
  readonly plan: ForkPlan;
  /** Outputs other than the origin's, stored already where they are large. */
  readonly outputs: ReadonlyMap<string, StepOutput>;
  readonly children: readonly { readonly key: string; readonly ended: boolean; readonly copy: RunCopy }[];
}

/** Gives ids to a run and its children, and stores what is large: nothing outside happens in the transaction. */
async function prepareCopy(deps: ForkWriterDeps, plan: ForkPlan): Promise<RunCopy> {
  const id = deps.ids('run');
  const outputs = new Map<string, StepOutput>();
  const store = new StepOutputs(deps, { runId: id, epoch: 0 });
  const children: RunCopy['children'][number][] = [];
  for (const [key, { ended, plan: child }] of plan.children) {
    const copy = await prepareCopy(deps, child);
    children.push({ key, ended, copy });
    const output = plan.origin.recording.steps.find((step) => step.key === key)?.output;
    if (ended && isJsonObject(output))
      outputs.set(key, await store.place(key, { ...output, runId: copy.id }));
  }
  for (const [key, output] of plan.outputs) outputs.set(key, await store.place(key, output));
  return { id, plan, outputs, children };
}

interface CopyPlace {
  readonly rootRunId: string;
  readonly scope: Scope;
  readonly now: Date;
  readonly deadline: Date | null;
  readonly effects: RunEffects;
  readonly depth: number;
}

/**
 * Copies the kept steps into a run, its children with new ids. The copies cost nothing, since they were paid for in the
 * origin; all but approvals answer whatever they are asked with: a decision holds only for what was shown.
 */
async function writeCopy(trx: Transaction<Database>, copy: RunCopy, place: CopyPlace): Promise<void> {
  const { id, plan } = copy;
  await sql`
    insert into run_steps (run_id, key, kind, status, digest, epoch, attempts, output, output_blob, output_bytes, error,
      started_at, ended_at)
    select ${id}, key, kind, status, case when kind = 'approval' then digest else ${copiedDigest} end, 0, attempts,
      output, output_blob, output_bytes, error, started_at, ended_at
    from run_steps where run_id = ${plan.origin.row.id}
      and key in (select jsonb_array_elements_text(${JSON.stringify(plan.keep)}::jsonb))`.execute(trx);
  for (const [key, output] of copy.outputs) {
    await trx
      .updateTable('run_steps')
      .set({
        status: 'completed',
        output: output.json,
        output_blob: output.blob,
        output_bytes: output.bytes,
        error: null,
      })
      .where('run_id', '=', id)
      .where('key', '=', key)
      .execute();
  }
  for (const child of copy.children) await writeChild(trx, child, id, { ...place, depth: place.depth + 1 });
}

async function writeChild(
  trx: Transaction<Database>,
  { key, ended, copy }: RunCopy['children'][number],
  parentId: string,
  place: CopyPlace,
): Promise<void> {
  const { scope, now } = place;
  const { definition, origin } = copy.plan;
  if (definition !== undefined) await writeDefinition(trx, origin.row, definition, now);
  await sql`
    insert into runs (id, tenant, principal, scopes, parent_run_id, parent_step_key, root_run_id, target_kind, target_name,
      definition_hash, status, source, input, output, error, metadata, deadline_at, created_at, started_at, ended_at,
      forked_from, effects, depth)
    select ${copy.id}, tenant, ${scope.principal}, ${JSON.stringify(scope.scopes)}::jsonb, ${parentId}, ${key},
      ${place.rootRunId}, target_kind, target_name, coalesce(${definition?.hash ?? null}::text, definition_hash), case when ${ended} then status else 'queued' end, source,
      input, case when ${ended} then output end, case when ${ended} then error end, metadata,
      ${place.deadline}::timestamptz, case when ${ended} then created_at else ${now}::timestamptz end,
      case when ${ended} then started_at end, case when ${ended} then ended_at end, id, ${place.effects}, ${place.depth}::int
    from runs where id = ${origin.row.id}`.execute(trx);
  await writeCopy(trx, copy, place);
}
