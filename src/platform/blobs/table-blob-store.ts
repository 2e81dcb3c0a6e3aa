import { sql } from 'kysely';
import type { Clock } from '../../base/index.ts';
import type { Storage } from '../storage/index.ts';
import { assertBlobKey, assertBlobSize, blobNotFound, type BlobEntry, type BlobStore } from './blob-store.ts';

const pageSize = 1000;

/** Blobs in the table `blobs`: every process of one database sees them. */
export class TableBlobStore implements BlobStore {
  readonly #storage: Storage;
  readonly #clock: Clock;

  constructor(deps: { storage: Storage; clock: Clock }) {
    this.#storage = deps.storage;
    this.#clock = deps.clock;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    assertBlobKey(key);
    assertBlobSize(key, bytes);
    const storedAt = new Date(this.#clock.now());
    await this.#storage.db
      .insertInto('blobs')
      .values({ key, bytes, stored_at: storedAt })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ bytes, stored_at: storedAt }))
      .execute();
  }

  async get(key: string): Promise<Uint8Array> {
    assertBlobKey(key);
    const row = await this.#storage.db
      .selectFrom('blobs')
      .select('bytes')
      .where('key', '=', key)
      .executeTakeFirst();
    if (row === undefined) throw blobNotFound(key);
    return row.bytes;
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) assertBlobKey(key);
    if (keys.length === 0) return;
    await sql`delete from blobs where key = any(${[...keys]})`.execute(this.#storage.db);
  }

  async deletePrefix(prefix: string): Promise<void> {
    assertBlobKey(prefix);
    await sql`delete from blobs where starts_with(key, ${`${prefix}/`})`.execute(this.#storage.db);
  }

  async *list(): AsyncGenerator<BlobEntry> {
    for (let after = ''; ;) {
      const rows = await this.#storage.db
        .selectFrom('blobs')
        .select(['key', 'stored_at'])
        .where('key', '>', after)
        .orderBy('key')
        .limit(pageSize)
        .execute();
      for (const row of rows) yield { key: row.key, storedAt: row.stored_at.getTime() };
      if (rows.length < pageSize) return;
      after = rows.at(-1)?.key ?? '';
    }
  }
}
