import { estimateTokenCount } from 'tokenx';
import { sql, type Selectable, type Transaction } from 'kysely';
import type { Json, SerializedError } from '../../base/index.ts';
import type { QueueJob, SendJob } from '../../platform/queue/index.ts';
import type { Database, RunsTable } from '../../platform/storage/index.ts';
import {
  textOf,
  type AgentResponse,
  type ChatMessage,
  type ReplyAddress,
  type Usage,
} from '../../protocol/index.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { fenced } from './interruptions.ts';
import { runsChannel, type EventBatch } from './run-event-log.ts';

export type RunRow = Selectable<RunsTable>;

/** How a run ended. */
export interface RunEnding {
  readonly status: 'completed' | 'failed' | 'cancelled' | 'timeout';
  readonly output: Json;
  readonly text: string;
  readonly error: SerializedError | null;
  readonly usage: Usage;
  readonly messages: readonly ChatMessage[];
}

/**
 * The job that delivers a row of the outbox. One conversation on a platform gets its messages in order; whoever takes
 * them, an account of a platform or a host, is a group, so that a slow one does not hold up others.
 */
export function deliveryJob(outboxId: string, address: ReplyAddress): SendJob {
  const { platform, accountId, chatId, url, streams } = address;
  const host = url === undefined ? undefined : URL.parse(url)?.host;
  return {
    payload: { outboxId },
    key: `${platform}:${accountId}:${chatId}`,
    group: streams === undefined ? (host ?? `${platform}:${accountId}`) : 'streams',
  };
}

/** The one response of a run. */
export function toResponse(deps: RunEngineDeps, run: RunRow, ending: RunEnding): AgentResponse {
  return {
    id: deps.ids('rsp'),
    requestId: run.request_id ?? '',
    runId: run.id,
    sessionId: run.session_id,
    status: ending.status === 'completed' ? 'completed' : ending.status === 'timeout' ? 'timeout' : 'error',
    text: ending.text,
    output: ending.output,
    error: ending.error,
    executionTimeMs: deps.clock.now() - run.created_at.getTime(),
    usage: ending.usage,
    metadata: run.metadata,
  };
}

/**
 * Writes a run's end within the transaction: status, session history, response, last events and the end of what it and
 * its children still asked people in one statement, then the delivery job and the completion of the run's own job. Throws `fenced` when the run is no longer this execution's.
 */
export async function writeEnding(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  ended: {
    readonly run: RunRow;
    readonly epoch: number;
    /** `running` for the execution's own end; the present status for an end from outside. */
    readonly expected: 'running' | 'queued' | 'waiting';
    readonly ending: RunEnding;
    readonly response: AgentResponse | undefined;
    readonly events: EventBatch;
    readonly job: QueueJob | undefined;
  },
): Promise<void> {
  const { run, ending, response, events } = ended;
  const now = new Date(deps.clock.now());
  const messages = run.session_id === null ? [] : ending.messages;
  const rows = messages.map((message, index) => ({
    ordinal: index + 1,
    id: deps.ids('msg'),
    role: message.role,
    message,
    tokens: estimateTokenCount(JSON.stringify(message)),
  }));
  const result = await sql<{ ended: number }>`
    with ended as (
      update runs set status = ${ending.status}, output = ${asJson(ending.output)}::jsonb, error = ${asJson(ending.error)}::jsonb,
        input_tokens = ${ending.usage.inputTokens}::int, output_tokens = ${ending.usage.outputTokens}::int,
        cost_usd = ${ending.usage.costUsd}::float8, ended_at = ${now}::timestamptz, waiting_for = null
      where id = ${run.id} and epoch = ${ended.epoch} and status = ${ended.expected}
      returning id, tenant, root_run_id, session_id, request_id
    ), unanswered as (
      update approvals a set status = 'cancelled', decided_at = ${now}::timestamptz
      from ended where a.status = 'pending' and a.root_run_id = ended.root_run_id and exists (
        with recursive up (id, parent) as (
          select r.id, r.parent_run_id from runs r where r.id = a.run_id
          union all select r.id, r.parent_run_id from runs r join up on r.id = up.parent
        ) select from up where up.id = ended.id)
    ), session as (
      update sessions s set last_sequence = s.last_sequence + ${rows.length}::int, updated_at = ${now}::timestamptz,
        title = coalesce(s.title, ${titleOf(messages)})
      from ended where s.id = ended.session_id and ${rows.length}::int > 0
      returning s.id, s.last_sequence
    ), history as (
      insert into messages (session_id, sequence, id, run_id, role, message, tokens, created_at)
      select session.id, session.last_sequence - ${rows.length}::int + m.ordinal, m.id, ${run.id}, m.role, m.message, m.tokens, ${now}::timestamptz
      from session, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as m(ordinal int, id text, role text, message jsonb, tokens int)
    ), log as (
      insert into run_events (run_id, first_sequence, last_sequence, events)
      select ended.id, ${events.firstSequence}::int, ${events.lastSequence}::int, ${events.json}::jsonb from ended
    ), response as (
      insert into outbox (id, tenant, request_id, run_id, reply_to, response, status, platform_ids, created_at)
      select ${response?.id ?? ''}, ended.tenant, ended.request_id, ended.id, ${asJson(run.reply_to)}::jsonb,
        ${asJson(response ?? null)}::jsonb, ${run.reply_to === null ? 'none' : 'queued'}, '[]'::jsonb, ${now}::timestamptz
      from ended where ended.request_id is not null and ${response !== undefined}
    )
    select count(*)::int as ended, max(pg_notify(${runsChannel}, ended.id)::text) as told from ended`.execute(
    trx,
  );
  if (result.rows[0]?.ended !== 1) throw fenced(run.id);
  if (response !== undefined && run.reply_to !== null)
    await deps.queue.send('deliveries', deliveryJob(response.id, run.reply_to), trx);
  if (response !== undefined && typeof run.metadata['collected'] === 'number')
    await answerCollected(deps, trx, run, response);
  if (ending.error?.code === 'run_crashed') {
    await trx
      .insertInto('dead_letters')
      .values((build) => ({
        id: deps.ids('dlq'),
        tenant: run.tenant,
        kind: 'run',
        ref_id: run.id,
        reason: ending.error?.message ?? '',
        error: JSON.stringify(ending.error),
        // A copy, so that it can be sent again after the run is past its retention.
        payload: build
          .selectFrom('inbox')
          .select('request')
          .where('id', '=', run.request_id)
          .$castTo<string | null>(),
        created_at: now,
      }))
      .execute();
  }
  if (ended.job !== undefined && !(await deps.queue.complete(ended.job, trx))) throw fenced(run.id);
}

/** Other requests that this run answered get a response of their own, which refers to the answer; nothing is sent for it. */
async function answerCollected(
  deps: RunEngineDeps,
  trx: Transaction<Database>,
  run: RunRow,
  response: AgentResponse,
): Promise<void> {
  const others = await trx
    .selectFrom('inbox')
    .select('id')
    .where('run_id', '=', run.id)
    .where('id', '<>', run.request_id)
    .orderBy('received_at')
    .execute();
  if (others.length === 0) return;
  const now = new Date(deps.clock.now());
  await trx
    .insertInto('outbox')
    .values(
      others.map(({ id: requestId }) => {
        const id = deps.ids('rsp');
        const metadata = { ...response.metadata, answered_with: response.id };
        return {
          id,
          tenant: run.tenant,
          request_id: requestId,
          run_id: run.id,
          response: JSON.stringify({ ...response, id, requestId, metadata }),
          status: 'none' as const,
          platform_ids: '[]',
          created_at: now,
        };
      }),
    )
    .execute();
}

function asJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

function titleOf(messages: readonly ChatMessage[]): string | null {
  const first = messages.find((message) => message.role === 'user');
  if (first === undefined) return null;
  const text = textOf(first.content);
  return text === '' ? null : text.slice(0, 80);
}
