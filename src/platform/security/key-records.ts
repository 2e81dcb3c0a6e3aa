import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/index.ts';
import type { Storage } from '../storage/index.ts';
import { permissionScopes, type Scope } from '../../protocol/index.ts';
import { digestOf, lookupOf } from './api-key.ts';

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
  lastUsedAtMs: number;
}

interface Cached {
  readonly atMs: number;
  readonly record: Promise<KeyRecord | undefined>;
}

const noHash = Buffer.alloc(32);

/** Keys as they are checked on each request: read from the database at most once a second each. */
export class KeyRecords {
  readonly #storage: Storage;
  readonly #clock: Clock;
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

  /** Makes the next check look into the database. */
  forget(lookup: string): void {
    this.#cache.delete(lookup);
  }

  #isUsable(record: KeyRecord): boolean {
    return !record.revoked && (record.expiresAtMs === null || record.expiresAtMs > this.#clock.now());
  }

  #find(lookup: string): Promise<KeyRecord | undefined> {
    const now = this.#clock.now();
    const cached = this.#cache.get(lookup);
    if (cached !== undefined && now - cached.atMs < freshMs) return cached.record;
    const record = this.#read(lookup);
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size >= mostCached && oldest !== undefined) this.#cache.delete(oldest);
    this.#cache.set(lookup, { atMs: now, record });
    record.catch(() => {
      if (this.#cache.get(lookup)?.record === record) this.#cache.delete(lookup);
    });
    return record;
  }

  async #read(lookup: string): Promise<KeyRecord | undefined> {
    const row = await this.#storage.db
      .selectFrom('api_keys')
      .select(['id', 'tenant', 'hash', 'scopes', 'expires_at', 'revoked_at', 'last_used_at'])
      .where('lookup', '=', lookup)
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
