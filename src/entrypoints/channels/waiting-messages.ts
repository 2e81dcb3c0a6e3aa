import { sql, type Transaction } from 'kysely';
import { AppError } from '../../base/index.ts';
import type { Database, Storage } from '../../platform/storage/index.ts';
import { defaultTenant, type AgentRequest, type Message } from '../../protocol/index.ts';

/** A message that is kept for a later turn. */
export interface KeptMessage {
  readonly id: string;
  readonly message: Message;
  readonly receivedAtMs: number;
}

const mostOfTurn = 100;

/** Messages of chats that wait for their turn, and talk that is shown with one. */
export class WaitingMessages {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Keeps a message; false when the same event has been taken in before, here or as a request. */
  async keep(
    message: Message,
    place: { channel: string; sessionKey: string; kind: 'waiting' | 'context' },
    nowMs: number,
  ): Promise<boolean> {
    const now = new Date(nowMs);
    const { rows } = await sql<{ id: string }>`
      insert into chat_messages (tenant, channel, session_key, kind, source, dedupe_key, message, received_at)
      select ${defaultTenant}, ${place.channel}, ${place.sessionKey}, ${place.kind}, ${message.platform},
        ${message.dedupe_key}, ${JSON.stringify(message)}::jsonb, ${now}::timestamptz
      where not exists (select from inbox where tenant = ${defaultTenant} and source = ${message.platform}
        and dedupe_key = ${message.dedupe_key})
      on conflict (tenant, source, dedupe_key) do nothing
      returning id`.execute(this.#storage.db);
    return rows.length > 0;
  }

  /** Kept messages of a session, oldest first. */
  async of(sessionKey: string, kind: 'waiting' | 'context'): Promise<readonly KeptMessage[]> {
    const rows = await this.#storage.db
      .selectFrom('chat_messages')
      .select(['id', 'message', 'received_at'])
      .where('tenant', '=', defaultTenant)
      .where('session_key', '=', sessionKey)
      .where('kind', '=', kind)
      .orderBy('id')
      .limit(mostOfTurn)
      .execute();
    return rows.map((row) => ({
      id: String(row.id),
      message: row.message,
      receivedAtMs: new Date(row.received_at).getTime(),
    }));
  }

  /** Keeps only the newest `most` of a session's context. */
  async trimContext(sessionKey: string, most: number): Promise<void> {
    await sql`
      delete from chat_messages where tenant = ${defaultTenant} and session_key = ${sessionKey} and kind = 'context'
        and id not in (select id from chat_messages where tenant = ${defaultTenant} and session_key = ${sessionKey}
          and kind = 'context' order by id desc limit ${most})`.execute(this.#storage.db);
  }

  /** Forgets talk that no turn has wanted. */
  async deleteContextBefore(before: Date): Promise<void> {
    await this.#storage.db
      .deleteFrom('chat_messages')
      .where('kind', '=', 'context')
      .where('received_at', '<', before)
      .execute();
  }

  /** Sessions of a channel in which something has waited since before then. */
  async sessions(channel: string, before: Date): Promise<readonly string[]> {
    const rows = await this.#storage.db
      .selectFrom('chat_messages')
      .select('session_key')
      .distinct()
      .where('channel', '=', channel)
      .where('kind', '=', 'waiting')
      .where('received_at', '<', before)
      .limit(1000)
      .execute();
    return rows.map((row) => row.session_key);
  }

  /** Takes messages out for a turn, all or none: false, with nothing taken, when another process was faster with one. */
  async take(trx: Transaction<Database>, kept: readonly KeptMessage[]): Promise<boolean> {
    const ids = kept.map(({ id }) => sql`${id}::bigint`);
    const { rows } = await sql<{ id: string }>`
      with present as (select id from chat_messages where id in (${sql.join(ids)}) order by id for update)
      delete from chat_messages where id in (select id from present)
        and (select count(*) from present) = ${kept.length}::int
      returning id`.execute(trx);
    return rows.length === kept.length;
  }

  /** Takes talk out that a turn is shown. */
  async drop(trx: Transaction<Database>, kept: readonly KeptMessage[]): Promise<void> {
    if (kept.length === 0) return;
    const ids = kept.map(({ id }) => sql`${id}::bigint`);
    await sql`delete from chat_messages where id in (${sql.join(ids)})`.execute(trx);
  }

  /** Drops those of them that became requests by another way; resolves with their number. */
  async dropAccepted(kept: readonly KeptMessage[]): Promise<number> {
    const ids = kept.map(({ id }) => sql`${id}::bigint`);
    const { rows } = await sql<{ id: string }>`
      delete from chat_messages c where c.id in (${sql.join(ids)}) and exists (
        select from inbox i where i.tenant = c.tenant and i.source = c.source and i.dedupe_key = c.dedupe_key)
      returning c.id`.execute(this.#storage.db);
    return rows.length;
  }

  /**
   * The requests that a turn answers beside its own: each gets its row in the inbox, with the run that answers it.
   * Error: `conflict` when one of them was accepted before.
   */
  async absorb(
    trx: Transaction<Database>,
    runId: string,
    absorbed: readonly {
      readonly id: string;
      readonly request: AgentRequest;
      readonly receivedAtMs: number;
    }[],
  ): Promise<void> {
    for (const { id, request, receivedAtMs } of absorbed) {
      const { rows } = await sql<{ id: string }>`
        insert into inbox (id, tenant, source, dedupe_key, digest, request, run_id, received_at)
        values (${id}, ${defaultTenant}, ${request.source}, ${request.dedupeKey}, 'collected',
          ${JSON.stringify(request)}::jsonb, ${runId}, ${new Date(receivedAtMs)}::timestamptz)
        on conflict (tenant, source, dedupe_key) where dedupe_key is not null do nothing
        returning id`.execute(trx);
      if (rows.length === 0)
        throw new AppError('conflict', 'one of the messages that waited was accepted before');
    }
  }
}
