import { hostname } from 'node:os';
import { sql } from 'kysely';
import { isProcessRunning, type Json } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';

/** Names one small value of a channel. */
export interface StateKey {
  readonly tenant: string;
  readonly channel: string;
  readonly accountId: string;
  readonly key: string;
}

/** Durable values of channels, and leases that one process at a time holds. Times are the database's own. */
export interface ChannelState {
  get(key: StateKey): Promise<{ value: Json; ageMs: number } | undefined>;
  set(key: StateKey, value: Json): Promise<void>;
  /** Sets a number, unless a larger one is there that is younger than `maxAgeMs`. */
  raise(key: StateKey, value: number, maxAgeMs: number): Promise<void>;
  delete(key: StateKey): Promise<void>;
  /** Deletes every value of the account whose key begins with `key` and that is older than `maxAgeMs`. */
  deleteOlder(key: StateKey, maxAgeMs: number): Promise<void>;
  /** Takes or renews a lease; false while another owner's is alive. */
  acquireLease(key: StateKey, owner: string, leaseMs: number): Promise<boolean>;
  releaseLease(key: StateKey, owner: string): Promise<void>;
}

/** Who holds a lease. `startedAt` tells a process from an earlier one with the same id. */
interface LeaseHolder {
  readonly owner: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: number;
}

const self = { host: hostname(), pid: process.pid, startedAt: performance.timeOrigin };

/** True for a holder that certainly is no more. The embedded database has one process at a time. */
function isGone(holder: LeaseHolder, storage: Storage): boolean {
  const another = holder.pid !== self.pid || holder.startedAt !== self.startedAt;
  if (!another) return false;
  if (storage.kind === 'pglite') return true;
  return holder.host === self.host && (holder.pid === self.pid || !isProcessRunning(holder.pid));
}

/** Channel state in the table `channel_state`. */
export function createChannelState(storage: Storage): ChannelState {
  const set = async (key: StateKey, value: Json, condition = sql`true`): Promise<boolean> => {
    const result = await sql`
      insert into channel_state as present (tenant, channel, account_id, key, value, updated_at)
      values (${key.tenant}, ${key.channel}, ${key.accountId}, ${key.key}, ${JSON.stringify(value)}::jsonb, now())
      on conflict (tenant, channel, account_id, key)
        do update set value = excluded.value, updated_at = excluded.updated_at where ${condition}
      returning key`.execute(storage.db);
    return result.rows.length > 0;
  };
  const remove = async (key: StateKey, condition = sql`true`): Promise<void> => {
    await sql`
      delete from channel_state where tenant = ${key.tenant} and channel = ${key.channel}
        and account_id = ${key.accountId} and key = ${key.key} and ${condition}`.execute(storage.db);
  };
  const agedOver = (milliseconds: number) =>
    sql`present.updated_at < now() - make_interval(secs => ${milliseconds / 1000}::float8)`;
  return {
    async get(key) {
      const { rows } = await sql<{ value: Json; age: number }>`
        select value, (extract(epoch from now() - updated_at) * 1000)::float8 as age from channel_state
        where tenant = ${key.tenant} and channel = ${key.channel} and account_id = ${key.accountId}
          and key = ${key.key}`.execute(storage.db);
      const row = rows[0];
      return row === undefined ? undefined : { value: row.value, ageMs: row.age };
    },
    async set(key, value) {
      await set(key, value);
    },
    async raise(key, value, maxAgeMs) {
      await set(key, value, sql`(present.value::text::numeric < ${value} or ${agedOver(maxAgeMs)})`);
    },
    delete: (key) => remove(key),
    async deleteOlder(key, maxAgeMs) {
      await sql`
        delete from channel_state as present where tenant = ${key.tenant} and channel = ${key.channel}
          and account_id = ${key.accountId} and starts_with(key, ${key.key})
          and ${agedOver(maxAgeMs)}`.execute(storage.db);
    },
    async acquireLease(key, owner, leaseMs) {
      const take = () =>
        set(key, { owner, ...self }, sql`(present.value->>'owner' = ${owner} or ${agedOver(leaseMs)})`);
      if (await take()) return true;
      const { rows } = await sql<{ value: LeaseHolder }>`
        select value from channel_state where tenant = ${key.tenant} and channel = ${key.channel}
          and account_id = ${key.accountId} and key = ${key.key}`.execute(storage.db);
      const holder = rows[0]?.value;
      if (holder === undefined || !isGone(holder, storage)) return false;
      await remove(key, sql`value->>'owner' = ${holder.owner}`);
      return take();
    },
    releaseLease: (key, owner) => remove(key, sql`value->>'owner' = ${owner}`),
  };
}
