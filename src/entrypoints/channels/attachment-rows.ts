import { sql } from 'kysely';
import type { Storage } from '../../platform/storage/index.ts';
import type { Attachment, Message } from '../../protocol/index.ts';

/** A message whose files this process fetches. */
export interface ClaimedMessage {
  readonly message: Message;
  /** How often its files were asked for, this time included. */
  readonly tries: number;
}

/** How far the files of messages that wait have come. What is done is stored at once: a crash fetches no file twice. */
export class AttachmentRows {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Takes a message until a time; `undefined` while another process has it, or a try failed just now. */
  async claim(id: string, nowMs: number, untilMs: number): Promise<ClaimedMessage | undefined> {
    const { rows } = await sql<{ message: Message; fetch_tries: number }>`
      update chat_messages set fetch_at = ${new Date(untilMs)}::timestamptz, fetch_tries = fetch_tries + 1
      where id = ${id}::bigint and (fetch_at is null or fetch_at <= ${new Date(nowMs)}::timestamptz)
      returning message, fetch_tries`.execute(this.#storage.db);
    const row = rows[0];
    return row === undefined ? undefined : { message: row.message, tries: row.fetch_tries };
  }

  /** When somebody may ask for its files again; `undefined`: it waits no longer, or nobody has it. */
  async nextTryMs(id: string): Promise<number | undefined> {
    const { rows } = await sql<{ fetch_at: Date | null }>`
      select fetch_at from chat_messages where id = ${id}::bigint`.execute(this.#storage.db);
    const at = rows[0]?.fetch_at;
    return at === undefined || at === null ? undefined : new Date(at).getTime();
  }

  /** Stores what became of one of its files. */
  async settle(id: string, index: number, attachment: Attachment): Promise<void> {
    const place = `{attachments,${index}}`;
    await sql`
      update chat_messages set message = jsonb_set(message, ${place}::text[], ${JSON.stringify(attachment)}::jsonb)
      where id = ${id}::bigint`.execute(this.#storage.db);
  }

  /** Keeps it until another time; a time that has passed lets everybody ask. */
  async holdUntil(id: string, untilMs: number): Promise<void> {
    await sql`
      update chat_messages set fetch_at = ${new Date(untilMs)}::timestamptz where id = ${id}::bigint`.execute(
      this.#storage.db,
    );
  }

  /** Gives it back as if it had not been tried. */
  async release(id: string): Promise<void> {
    await sql`
      update chat_messages set fetch_at = null, fetch_tries = greatest(fetch_tries - 1, 0)
      where id = ${id}::bigint`.execute(this.#storage.db);
  }
}
