import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/index.ts';
import type { Selectable } from 'kysely';
import type { ApiKeysTable, Storage } from '../storage/index.ts';
import { permissionScopes, type Scope } from '../../protocol/index.ts';
import { digestOf, lookupOf } from './api-key.ts';
import type { KeyAttributes } from './principals.ts';

/** How long a look into the database counts: the time within which a key revoked elsewhere is refused. */
const freshMs = 1000;
const mostCached = 10_000;
/** How exact the time of the last use is. */
const lastUseMs = 30_000;

/** A key whose secret has been checked. */
export interface VerifiedKey {
  readonly lookup: string;
  readonly scope: Scope;
}

interface KeyRecord {
  readonly id: string;
  readonly hash: Buffer;
  readonly scope: Scope;
  readonly expiresAtMs: number | null;
  readonly revoked: boolean;
  readonly attributes: KeyAttributes;
  lastUsedAtMs: number;
}

interface Cached {
  readonly atMs: number;
  readonly record: Promise<KeyRecord | undefined>;
}

const keyPrincipal = /^key:(.+)$/;

const noHash = Buffer.alloc(32);

/** What a row of a key says of those who hold it. */
export function attributesOf(row: Selectable<ApiKeysTable>): KeyAttributes {
  return { name: row.name, team: row.team, user: row.user_name, tags: row.tags, models: row.models };
}

/** Keys as they are checked on each request: read from the database at most once a second each. */
export class KeyRecords {
  readonly #storage: Storage;
  readonly #clock: Clock;
  /** By the public part of the key, and by `id:<id>`. */
  readonly #cache = new Map<string, Cached>();

  constructor(deps: { storage: Storage; clock: Clock }) {
    this.#storage = deps.storage;
    this.#clock = deps.clock;
  }

  /** The key behind a credential when it is known and neither expired nor revoked. */
  async verify(key: string): Promise<VerifiedKey | undefined> {
    const lookup = lookupOf(key);
    if (lookup === undefined) return undefined;
    const record = await this.#find(lookup);
    // Compared also for an unknown key, so that both take the same time.
    const same = timingSafeEqual(digestOf(key), record?.hash ?? noHash);
    if (record === undefined || !same || !this.#isUsable(record)) return undefined;
    this.#touch(record);
    return { lookup, scope: record.scope };
  }

  /** May tokens made with this key still be used? */
  async isUsable(lookup: string): Promise<boolean> {
    const record = await this.#find(lookup);
    return record !== undefined && this.#isUsable(record);
  }

  /** What the key of a principal says; `undefined` unless it is one of the tenant's. */
  async attributes(scope: Pick<Scope, 'tenant' | 'principal'>): Promise<KeyAttributes | undefined> {
    const id = keyPrincipal.exec(scope.principal)?.[1];
    if (id === undefined) return undefined;
    const record = await this.#cached(`id:${id}`, () => this.#read('id', id));
    return record?.scope.tenant === scope.tenant ? record.attributes : undefined;
  }

  /** Makes the next check look into the database. */
  forget(lookup: string): void {
    this.#cache.delete(lookup);
  }

  #isUsable(record: KeyRecord): boolean {
    return !record.revoked && (record.expiresAtMs === null || record.expiresAtMs > this.#clock.now());
  }

  #find(lookup: string): Promise<KeyRecord | undefined> {
    return this.#cached(lookup, async () => {
      const record = await this.#read('lookup', lookup);
      // Whoever shows a key is asked for what it says in the next moment.
      if (record !== undefined) void this.#keep(`id:${record.id}`, Promise.resolve(record));
      return record;
    });
  }

  #cached(name: string, read: () => Promise<KeyRecord | undefined>): Promise<KeyRecord | undefined> {
    const cached = this.#cache.get(name);
    if (cached !== undefined && this.#clock.now() - cached.atMs < freshMs) return cached.record;
    return this.#keep(name, read());
  }

  #keep(name: string, record: Promise<KeyRecord | undefined>): Promise<KeyRecord | undefined> {
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size >= mostCached && oldest !== undefined) this.#cache.delete(oldest);
    this.#cache.set(name, { atMs: this.#clock.now(), record });
    record.catch(() => {
      if (this.#cache.get(name)?.record === record) this.#cache.delete(name);
    });
    return record;
  }

  async #read(column: 'id' | 'lookup', value: string): Promise<KeyRecord | undefined> {
    const row = await this.#storage.db
      .selectFrom('api_keys')
      .selectAll()
      .where(column, '=', value)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return {
      id: row.id,
      hash: Buffer.from(row.hash, 'hex'),
      scope: {
        tenant: row.tenant,
        principal: `key:${row.id}`,
        scopes: permissionScopes.filter((scope) => row.scopes.includes(scope)),
      },
      expiresAtMs: row.expires_at?.getTime() ?? null,
      revoked: row.revoked_at !== null,
      attributes: attributesOf(row),
      lastUsedAtMs: row.last_used_at?.getTime() ?? 0,
    };
  }

  /** Notes the use now and then; nobody waits for it, and a failure only costs the note. */
  #touch(record: KeyRecord): void {
    const now = this.#clock.now();
    if (now - record.lastUsedAtMs < lastUseMs) return;
    record.lastUsedAtMs = now;
    this.#writeLastUse(record.id, now).catch(() => {});
  }

  async #writeLastUse(id: string, now: number): Promise<void> {
    await this.#storage.db
      .updateTable('api_keys')
      .set({ last_used_at: new Date(now) })
      .where('id', '=', id)
      .execute();
  }
}
