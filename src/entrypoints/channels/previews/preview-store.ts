import { sql } from 'kysely';
import type { Clock } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';

/** The message of a preview, as the response of its run finds it. */
export interface PreviewPlace {
  /** `undefined`: the platform has not told it, or the process died before it could. */
  readonly messageId: string | undefined;
  /** From now on nobody but the response changes the message. */
  readonly hasEnded: boolean;
}

/** Who asked for the answer that a message shows. */
export interface PreviewOwner {
  readonly runId: string;
  readonly userId: string;
}

/** Messages that show answers while they are written, one row for each run. */
export class PreviewStore {
  readonly #deps: { readonly storage: Storage; readonly clock: Clock };

  constructor(deps: { readonly storage: Storage; readonly clock: Clock }) {
    this.#deps = deps;
  }

  /** Notes that a message will show the answer of a run. False: the run is over, or another process shows it. */
  async open(
    runId: string,
    place: { readonly channel: string; readonly chatId: string; readonly userId: string },
  ): Promise<boolean> {
    // Under the lock of the run: whoever delivers its response sees this row, or this process sees that the run is over.
    const { rows } = await sql<{ run_id: string }>`
      insert into answer_previews (run_id, tenant, channel, chat_id, user_id, created_at)
      select id, tenant, ${place.channel}, ${place.chatId}, ${place.userId}, ${this.#now()}::timestamptz
      from (select id, tenant from runs where id = ${runId} and status in ('queued', 'running', 'waiting') for share) r
      on conflict (run_id) do nothing
      returning run_id`.execute(this.#deps.storage.db);
    return rows.length > 0;
  }

  async noteMessage(runId: string, messageId: string): Promise<void> {
    await sql`
      update answer_previews set message_id = ${messageId} where run_id = ${runId}`.execute(
      this.#deps.storage.db,
    );
  }

  async close(runId: string): Promise<void> {
    await sql`
      update answer_previews set ended_at = ${this.#now()}::timestamptz where run_id = ${runId}`.execute(
      this.#deps.storage.db,
    );
  }

  /** The message stays as it is, and the response is sent beside it. */
  async release(runId: string): Promise<void> {
    await sql`delete from answer_previews where run_id = ${runId} and outbox_id is null`.execute(
      this.#deps.storage.db,
    );
  }

  /** Gives the message of a run to a response: always to the same one. */
  async claim(runId: string, outboxId: string): Promise<PreviewPlace | undefined> {
    const { rows } = await sql<{ message_id: string | null; ended_at: Date | null }>`
      update answer_previews set outbox_id = ${outboxId}
      where run_id = ${runId} and (outbox_id is null or outbox_id = ${outboxId})
      returning message_id, ended_at`.execute(this.#deps.storage.db);
    const row = rows[0];
    if (row === undefined) return undefined;
    return { messageId: row.message_id ?? undefined, hasEnded: row.ended_at !== null };
  }

  /** The run whose answer a message shows. */
  async ownerOf(place: {
    readonly tenant: string;
    readonly channel: string;
    readonly chatId: string;
    readonly messageId: string;
  }): Promise<PreviewOwner | undefined> {
    const row = await this.#deps.storage.db
      .selectFrom('answer_previews')
      .select(['run_id', 'user_id'])
      .where('tenant', '=', place.tenant)
      .where('channel', '=', place.channel)
      .where('chat_id', '=', place.chatId)
      .where('message_id', '=', place.messageId)
      .executeTakeFirst();
    return row === undefined ? undefined : { runId: row.run_id, userId: row.user_id };
  }

  #now(): Date {
    return new Date(this.#deps.clock.now());
  }
}
