import { sql } from 'kysely';
import { AppError, isJsonObject, type IdGenerator, type JsonObject } from '../../base/index.ts';
import type { Queue, QueueJob } from '../../platform/queue/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { AgentResponse, ApprovalNotice, ReplyAddress } from '../../protocol/index.ts';

/** What is said: the response of a run, or a notice while it waits. */
export type Outgoing = { readonly kind: 'response'; readonly response: AgentResponse } | OutgoingNotice;

/** What a run asks, and of the run what a response has of itself. */
export interface OutgoingNotice {
  readonly kind: 'notice';
  readonly id: string;
  readonly runId: string;
  readonly sessionId: string | null;
  readonly runMetadata: JsonObject;
  readonly notice: ApprovalNotice;
}

/** A response or notice on its way to a platform. */
export interface Delivery {
  readonly outboxId: string;
  readonly tenant: string;
  readonly address: ReplyAddress;
  readonly runId: string;
  readonly outgoing: Outgoing;
  /** Chunks that the platform has accepted. */
  readonly cursor: number;
  /** Failed sends so far. */
  readonly attempts: number;
  readonly createdAtMs: number;
  /** A message may stand in the chat that showed the answer while it was written. */
  readonly mayHavePreview: boolean;
}

/** How a delivery ended. `unknown`: sent, but the platform's answer was lost. */
export interface DeliveryEnd {
  readonly status: 'sent' | 'failed' | 'unknown';
  readonly error?: string;
}

/** A delivery that is not over: it is taken up again at that time. */
export interface DeliveryPause {
  readonly status: 'paused';
  readonly untilMs: number;
  /** Counts as a failed send. */
  readonly isFailure: boolean;
  readonly reason?: string;
}

/** What became of a delivery that was taken up. */
export type DeliveryOutcome = DeliveryEnd | DeliveryPause;

interface OutboxRow {
  id: string;
  tenant: string;
  reply_to: ReplyAddress | null;
  run_id: string;
  response: unknown;
  notice: unknown;
  session_id: string | null;
  run_metadata: JsonObject | null;
  cursor: number;
  attempts: number;
  created_at: Date;
  previewed: boolean;
}

function outgoingOf({ response, notice, ...row }: OutboxRow): Outgoing | undefined {
  if (isJsonObject(response)) return { kind: 'response', response: response as unknown as AgentResponse };
  if (!isJsonObject(notice)) return undefined;
  return {
    kind: 'notice',
    id: row.id,
    runId: row.run_id,
    sessionId: row.session_id,
    runMetadata: row.run_metadata ?? {},
    notice: notice as unknown as ApprovalNotice,
  };
}

function deliveredElsewhere(outboxId: string): AppError {
  return new AppError('conflict', `response "${outboxId}" is being delivered by another process`);
}

/** Deliveries in the database: the outbox and how far each of its rows got. */
export class DeliveryStore {
  readonly #deps: { readonly storage: Storage; readonly queue: Queue; readonly ids: IdGenerator };

  constructor(deps: { storage: Storage; queue: Queue; ids: IdGenerator }) {
    this.#deps = deps;
  }

  /** Takes a delivery; `undefined` when there is nothing left to deliver, or the job is another process's by now. */
  async begin(job: QueueJob, outboxId: string): Promise<Delivery | undefined> {
    const { rows } = await sql<OutboxRow>`
      with held as (${this.#deps.queue.held(job)})
      update outbox set status = 'sending' where id = ${outboxId} and status in ('queued', 'sending')
        and exists (select 1 from held)
      returning id, tenant, run_id, reply_to, response, notice, cursor, attempts, created_at,
        exists(select from answer_previews p where p.run_id = outbox.run_id) as previewed,
        case when kind = 'notice' then (select r.session_id from runs r where r.id = outbox.run_id) end as session_id,
        case when kind = 'notice' then (select r.metadata from runs r where r.id = outbox.run_id) end as run_metadata`.execute(
      this.#deps.storage.db,
    );
    const row = rows[0];
    if (row === undefined || row.reply_to === null) return undefined;
    const outgoing = outgoingOf(row);
    if (outgoing === undefined) return undefined;
    return {
      outboxId: row.id,
      tenant: row.tenant,
      address: row.reply_to,
      runId: row.run_id,
      outgoing,
      cursor: row.cursor,
      attempts: row.attempts,
      createdAtMs: new Date(row.created_at).getTime(),
      mayHavePreview: row.previewed,
    };
  }

  /** Notes that the platform has accepted the chunk at `cursor`. Error: `conflict` when another process delivers too. */
  async advance(outboxId: string, cursor: number, platformId: string): Promise<void> {
    const result = await sql`
      update outbox set cursor = ${cursor + 1}::int, platform_ids = platform_ids || ${JSON.stringify([platformId])}::jsonb
      where id = ${outboxId} and cursor = ${cursor}::int and status = 'sending'`.execute(
      this.#deps.storage.db,
    );
    if (result.numAffectedRows !== 1n) throw deliveredElsewhere(outboxId);
  }

  async noteFailure(outboxId: string, error: string): Promise<void> {
    await sql`
      update outbox set attempts = attempts + 1, last_error = ${error.slice(0, 1000)}
      where id = ${outboxId}`.execute(this.#deps.storage.db);
  }

  /** Gives a delivery back until then, with its failure, in one transaction. Its conversation waits for it. */
  async postpone(job: QueueJob, { outboxId }: Delivery, pause: DeliveryPause): Promise<void> {
    const { storage, queue } = this.#deps;
    const { untilMs, isFailure, reason } = pause;
    await storage.transaction(async (trx) => {
      await sql`
        update outbox set status = 'queued', attempts = attempts + ${isFailure ? 1 : 0}::int,
          last_error = coalesce(${reason?.slice(0, 1000) ?? null}::text, last_error)
        where id = ${outboxId} and status = 'sending'`.execute(trx);
      if (!(await queue.postpone(job, new Date(untilMs), trx))) throw deliveredElsewhere(outboxId);
    });
  }

  /** Ends a delivery and its job in one transaction; what did not arrive goes to the dead-letter desk. */
  async settle(job: QueueJob, delivery: Delivery, end: DeliveryEnd, nowMs: number): Promise<void> {
    const { storage, queue, ids } = this.#deps;
    const now = new Date(nowMs);
    await storage.transaction(async (trx) => {
      await trx
        .updateTable('outbox')
        .set({
          status: end.status,
          ...(end.error === undefined ? {} : { last_error: end.error.slice(0, 1000) }),
          ...(end.status === 'sent' ? { sent_at: now } : {}),
        })
        .where('id', '=', delivery.outboxId)
        .execute();
      if (end.status !== 'sent') {
        await trx
          .insertInto('dead_letters')
          .values({
            id: ids('dlq'),
            tenant: delivery.tenant,
            kind: 'delivery',
            ref_id: delivery.outboxId,
            reason: end.error ?? 'the platform did not confirm the message',
            created_at: now,
          })
          .execute();
      }
      if (!(await queue.complete(job, trx))) throw deliveredElsewhere(delivery.outboxId);
    });
  }
}
