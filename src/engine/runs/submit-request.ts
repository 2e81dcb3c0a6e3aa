import { createHash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { AppError, canonicalJson, storable, type Json } from '../../base/index.ts';
import { createJobId } from '../../platform/queue/index.ts';
import type { Database } from '../../platform/storage/index.ts';
import type { AgentRequest, Scope } from '../../protocol/index.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import type { SubmittedRun } from './run-context.ts';
import { measuredJson } from './step-outputs.ts';

/** Definitions known to be stored, so that not every request writes its own again. */
export type KnownSnapshots = Set<string>;

interface AcceptedRow {
  run_id: string;
  session_id: string | null;
}

/** The key under which a session keeps its runs in order; without a session a run stands for itself. */
export function queueKey(runId: string, sessionId: string | null): string {
  return sessionId ?? runId;
}

/** Work of the caller in the transaction that accepts the request; it comes first. False: nothing is accepted. */
export type WithinSubmit = (trx: Transaction<Database>, runId: string) => Promise<boolean>;

/**
 * Accepts a request: inbox row, session, run and job in one transaction. A request that was accepted before leads to
 * its first run; with other content under the same key it is refused. `undefined`: `within` did not want it.
 */
export async function submitRequest(
  deps: RunEngineDeps,
  known: KnownSnapshots,
  scope: Scope,
  asked: AgentRequest,
  within?: WithinSubmit,
): Promise<SubmittedRun | undefined> {
  const request = storable(asked);
  const executor = deps.executors[request.target.kind];
  if (executor === undefined) {
    throw new AppError(
      'invalid_request',
      `targets of kind "${request.target.kind}" cannot be run by this server`,
    );
  }
  const input = measuredJson('input:', request.input).json;
  const snapshot = await executor.snapshot(scope, request.target.name);
  executor.accept?.(snapshot.definition, request.input);
  const runId = deps.ids('run');
  const requestId = deps.ids('req');
  const jobId = createJobId(deps.clock.now());
  const now = new Date(deps.clock.now());
  const deadline = new Date(deps.clock.now() + (request.timeoutMs ?? snapshot.timeoutMs));
  const digest = createHash('sha256').update(canonicalJson(request)).digest('base64url');
  deps.failpoint?.('submit-begin');

  let unwanted = false;
  const accepted = await deps.storage.transaction(async (trx) => {
    unwanted = within !== undefined && !(await within(trx, runId));
    if (unwanted) return undefined;
    if (!known.has(snapshot.hash)) {
      await sql`
        insert into definition_snapshots (hash, kind, name, definition, created_at)
        values (${snapshot.hash}, ${request.target.kind}, ${request.target.name}, ${JSON.stringify(snapshot.definition)}::jsonb, ${now}::timestamptz)
        on conflict (hash) do nothing`.execute(trx);
    }
    const sessionId = request.sessionKey?.startsWith('ses_') ? request.sessionKey : deps.ids('ses');
    const { rows } = await sql<AcceptedRow>`
      with accepted as (
        insert into inbox (id, tenant, source, dedupe_key, digest, request, run_id, received_at)
        values (${requestId}, ${scope.tenant}, ${request.source}, ${request.dedupeKey}, ${digest},
          ${JSON.stringify(request)}::jsonb, ${runId}, ${now}::timestamptz)
        on conflict (tenant, source, dedupe_key) where dedupe_key is not null do nothing
        returning id
      ), session as (
        insert into sessions as s (id, tenant, key, agent, principal, source, created_at, updated_at)
        select ${sessionId}, ${scope.tenant}, ${request.sessionKey}::text, ${request.target.name}, ${scope.principal},
          ${request.source}, ${now}::timestamptz, ${now}::timestamptz
        from accepted where ${request.sessionKey}::text is not null
        on conflict (tenant, key) do update set updated_at = excluded.updated_at
        returning s.id
      )
      insert into runs (id, tenant, principal, scopes, request_id, root_run_id, target_kind, target_name,
        definition_hash, session_id, status, job_id, source, input, reply_to, metadata, deadline_at, created_at)
      select ${runId}, ${scope.tenant}, ${scope.principal}, ${JSON.stringify(scope.scopes)}::jsonb, ${requestId}, ${runId},
        ${request.target.kind}, ${request.target.name}, ${snapshot.hash}, (select id from session), 'queued', ${jobId},
        ${request.source}, ${input}::jsonb,
        ${request.replyTo === null ? null : JSON.stringify(request.replyTo)}::jsonb,
        ${JSON.stringify(request.metadata)}::jsonb, ${deadline}::timestamptz, ${now}::timestamptz
      from accepted
      returning id as run_id, session_id`.execute(trx);
    const row = rows[0];
    if (row !== undefined) {
      await deps.queue.send(
        'runs',
        { id: jobId, payload: { runId }, key: queueKey(runId, row.session_id) },
        trx,
      );
      deps.failpoint?.('submit-before-commit');
    } else if (within !== undefined) {
      throw new AppError('conflict', 'this request was accepted before, without what belongs to it');
    }
    return row;
  });
  deps.failpoint?.('submit-after-commit');
  if (unwanted) return undefined;
  if (accepted === undefined) return findDuplicate(deps, scope, request, digest);
  known.add(snapshot.hash);
  return { runId, requestId, sessionId: accepted.session_id, duplicate: false };
}

async function findDuplicate(
  deps: RunEngineDeps,
  scope: Scope,
  request: AgentRequest,
  digest: string,
): Promise<SubmittedRun> {
  const first = await deps.storage.db
    .selectFrom('inbox')
    .innerJoin('runs', 'runs.id', 'inbox.run_id')
    .select([
      'inbox.id as requestId',
      'inbox.digest',
      'inbox.request',
      'runs.id as runId',
      'runs.session_id as sessionId',
    ])
    .where('inbox.tenant', '=', scope.tenant)
    .where('inbox.source', '=', request.source)
    .where('inbox.dedupe_key', '=', request.dedupeKey)
    .executeTakeFirstOrThrow();
  // A session made for the first request is not part of what the caller sent.
  if (first.digest !== digest && !sameContent(first.request, request)) {
    throw new AppError(
      'idempotency_mismatch',
      'this idempotency key was used before with a different request',
      {
        details: { runId: first.runId },
      },
    );
  }
  return { runId: first.runId, requestId: first.requestId, sessionId: first.sessionId, duplicate: true };
}

function sameContent(first: AgentRequest, second: AgentRequest): boolean {
  const content = (request: AgentRequest): Json => ({
    target: { ...request.target },
    input: request.input,
    metadata: request.metadata,
  });
  const generated = (request: AgentRequest): boolean => request.sessionKey?.startsWith('ses_') ?? true;
  const sameSession = first.sessionKey === second.sessionKey || (generated(first) && generated(second));
  return sameSession && canonicalJson(content(first)) === canonicalJson(content(second));
}
