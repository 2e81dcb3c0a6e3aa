import { createHash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { AppError, storable, type Json } from '../../../base/index.ts';
import type { Database } from '../../../platform/storage/index.ts';
import { eventName, type Scope } from '../../../protocol/index.ts';
import { automationChannel, type AutomationDeps } from '../automation-deps.ts';

/** Error: `invalid_request`. */
function assertName(name: string): void {
  const { success, error } = eventName.safeParse(name);
  if (success) return;
  const reason = error.issues.map((issue) => issue.message).join('; ');
  throw new AppError('invalid_request', `name: "${name}" is no name of an event; ${reason}`);
}

/** A published event as sensors read it. */
export interface PublishedEvent {
  readonly sequence: number;
  readonly id: string;
  readonly name: string;
  readonly payload: Json;
  readonly principal: string;
  /** ISO 8601. */
  readonly publishedAt: string;
}

/** Durable intake of events: stored once by id, read by sensors in order. */
export interface EventStore {
  /**
   * Stores an event; the same id again changes nothing. Within `trx` it is there when that commits, and other
   * publishers of the tenant wait until then. Errors: `invalid_request` (name), `payload_too_large`,
   * `idempotency_mismatch` when the id stands for another event.
   */
  publish(
    scope: Scope,
    event: { readonly name: string; readonly payload: Json; readonly id?: string | undefined },
    trx?: Transaction<Database>,
  ): Promise<{ id: string; duplicate: boolean }>;
  /** Events after a place, oldest first. */
  after(tenant: string, sequence: number, limit: number): Promise<readonly PublishedEvent[]>;
  /** Place of the newest event; 0 when there is none. */
  newest(tenant: string): Promise<number>;
  /** Deletes what is older. */
  prune(before: Date): Promise<number>;
}

/** Largest payload, in bytes of JSON. */
const mostBytes = 256 * 1024;

interface EventRow {
  sequence: number;
  id: string;
  name: string;
  payload: Json;
  principal: string;
  created_at: Date;
}

/** Events in the database. */
export function createEventStore(deps: Pick<AutomationDeps, 'storage' | 'clock' | 'ids'>): EventStore {
  const { storage, clock, ids } = deps;

  async function write(
    trx: Transaction<Database>,
    scope: Scope,
    event: { readonly id: string; readonly name: string; readonly payload: string },
  ): Promise<boolean> {
    // One publisher at a time, so that places are taken in the order of commits: a reader that has seen one has seen
    // all before it.
    const lock = createHash('sha256').update(`agent33.events:${scope.tenant}`).digest().readInt32BE(0);
    await sql`select pg_advisory_xact_lock(33, ${lock}::int)`.execute(trx);
    const { rows } = await sql`
      insert into events (tenant, id, name, payload, principal, created_at)
      values (${scope.tenant}, ${event.id}, ${event.name}, ${event.payload}::jsonb, ${scope.principal},
        ${new Date(clock.now())}::timestamptz)
      on conflict (tenant, id) do nothing returning sequence`.execute(trx);
    if (rows.length === 1) await storage.notify(trx, automationChannel, 'events');
    else {
      const { rows: first } = await sql<{ same: boolean }>`
        select name = ${event.name} and payload = ${event.payload}::jsonb as same from events
        where tenant = ${scope.tenant} and id = ${event.id}`.execute(trx);
      if (first[0]?.same === false)
        throw new AppError('idempotency_mismatch', `id: "${event.id}" was used before for another event`);
    }
    return rows.length === 1;
  }

  return {
    async publish(scope, event, trx) {
      assertName(event.name);
      const payload = JSON.stringify(storable(event.payload));
      if (Buffer.byteLength(payload) > mostBytes)
        throw new AppError('payload_too_large', `payload: larger than ${mostBytes} bytes`);
      const { id = ids('evt'), name } = event;
      const work = (within: Transaction<Database>) => write(within, scope, { id, name, payload });
      const isNew = await (trx === undefined ? storage.transaction(work) : work(trx));
      return { id, duplicate: !isNew };
    },
    async after(tenant, sequence, limit) {
      const { rows } = await sql<EventRow>`
        select sequence, id, name, payload, principal, created_at from events
        where tenant = ${tenant} and sequence > ${sequence}::bigint order by sequence limit ${limit}::int`.execute(
        storage.db,
      );
      return rows.map(({ created_at: createdAt, ...row }) => ({
        ...row,
        publishedAt: createdAt.toISOString(),
      }));
    },
    async newest(tenant) {
      const { rows } = await sql<{ newest: number | null }>`
        select max(sequence) as newest from events where tenant = ${tenant}`.execute(storage.db);
      return rows[0]?.newest ?? 0;
    },
    async prune(before) {
      const result = await sql`delete from events where created_at < ${before}::timestamptz`.execute(
        storage.db,
      );
      return Number(result.numAffectedRows ?? 0n);
    },
  };
}
