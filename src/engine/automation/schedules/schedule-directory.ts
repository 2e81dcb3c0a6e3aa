import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { canonicalJson, toAppError, type AppError, type Clock, type Logger } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import { defaultTenant, type DefinitionOf, type Scope, type ScheduleSpec } from '../../../protocol/index.ts';
import type { DefinitionStore, StoredDefinition } from '../../definitions/index.ts';
import { beginRecords, readRecords, type ScheduleRecord } from './schedule-records.ts';
import { jitterOf } from './jitter.ts';
import { slotTimesOf, type SlotTimes } from './slot-times.ts';

/** A schedule as this process follows it. */
export interface FollowedSchedule {
  readonly tenant: string;
  readonly name: string;
  readonly spec: ScheduleSpec;
  readonly times: SlotTimes;
  record: ScheduleRecord;
  /** When something is to be done; `undefined`: never. */
  dueAt: number | undefined;
  /** Failures in a row, of the database and the like. */
  failures: number;
}

/** Tenants that have definitions of a kind of their own, and the one whose the files are. */
export async function tenantsWith(storage: Storage, kind: 'Schedule' | 'Sensor'): Promise<readonly string[]> {
  const { rows } = await sql<{ tenant: string }>`
    select distinct tenant from definitions where kind = ${kind}`.execute(storage.db);
  return [...new Set([defaultTenant, ...rows.map((row) => row.tenant)])];
}

/** Definitions that count for a tenant; those of files are the default tenant's. */
export async function definitionsFor<K extends 'Schedule' | 'Sensor'>(
  store: DefinitionStore<K>,
  tenant: string,
): Promise<readonly StoredDefinition<DefinitionOf<K>>[]> {
  const scope: Scope = { tenant, principal: 'system', scopes: ['admin'] };
  const listed = await store.list(scope);
  return tenant === defaultTenant ? listed : listed.filter((one) => one.origin.kind === 'api');
}

/** Decides whether slots of before still count: only what makes the times. */
export function timingHashOf(spec: ScheduleSpec): string {
  const { cron, every, at, timezone, jitter } = spec;
  return createHash('sha256')
    .update(canonicalJson({ cron, every, at, timezone, jitter }))
    .digest('base64url');
}

/** When the next slot of a schedule is to be looked at. */
export function nextDue(
  one: Pick<FollowedSchedule, 'name' | 'spec' | 'times' | 'record'>,
): number | undefined {
  const slot = one.times.after(one.record.decidedUntil);
  return slot === undefined ? undefined : slot + jitterOf(one.spec.jitter, one.name, slot);
}

/** The schedules that there are, each with its state. */
export class ScheduleDirectory {
  readonly #deps: {
    readonly storage: Storage;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly store: DefinitionStore<'Schedule'>;
  };
  #followed = new Map<string, FollowedSchedule>();

  constructor(deps: { storage: Storage; clock: Clock; logger: Logger; store: DefinitionStore<'Schedule'> }) {
    this.#deps = deps;
  }

  get all(): Iterable<FollowedSchedule> {
    return this.#followed.values();
  }

  /** Reads definitions and states again. A schedule of unreadable times is left out and logged. */
  async refresh(): Promise<void> {
    const { storage, store, clock, logger } = this.#deps;
    const found: (Pick<FollowedSchedule, 'tenant' | 'name' | 'spec' | 'times'> & {
      readonly timingHash: string;
      readonly since: number;
    })[] = [];
    for (const tenant of await tenantsWith(storage, 'Schedule')) {
      for (const { definition, origin, updatedAt } of await definitionsFor(store, tenant)) {
        const { name } = definition.metadata;
        const { spec } = definition;
        // Compiled again only when it changed: a thousand cron expressions take a moment.
        const known = this.#followed.get(`${tenant}/${name}`);
        const timingHash = timingHashOf(spec);
        try {
          const times =
            known !== undefined && timingHashOf(known.spec) === timingHash ? known.times : slotTimesOf(spec);
          const since = origin.kind === 'api' ? Date.parse(updatedAt) : clock.now();
          found.push({ tenant, name, spec, times, timingHash, since });
        } catch (error) {
          const { message }: AppError = toAppError(error);
          logger.warn({ schedule: name, reason: message }, 'schedule is not followed');
        }
      }
    }
    const keyOf = (one: { tenant: string; name: string }): string => `${one.tenant}/${one.name}`;
    const before = new Map((await readRecords(storage.db)).map((record) => [keyOf(record), record]));
    const fresh = found.filter((one) => before.get(keyOf(one))?.timingHash !== one.timingHash);
    await beginRecords(storage.db, fresh);
    const records =
      fresh.length === 0
        ? before
        : new Map((await readRecords(storage.db)).map((record) => [keyOf(record), record]));
    const gone = [...this.#followed.keys()].filter((key) => !found.some((one) => keyOf(one) === key));
    for (const key of gone) await this.#forget(key);
    const next = new Map<string, FollowedSchedule>();
    for (const { tenant, name, spec, times } of found) {
      const key = `${tenant}/${name}`;
      const record = records.get(key);
      if (record === undefined) continue;
      const one: FollowedSchedule = { tenant, name, spec, times, record, dueAt: undefined, failures: 0 };
      one.dueAt = record.hasQueued ? clock.now() : nextDue(one);
      next.set(key, one);
    }
    this.#followed = next;
  }

  /** What comes again under the name later is a new schedule: it catches up on nothing. */
  async #forget(key: string): Promise<void> {
    const one = this.#followed.get(key);
    if (one === undefined) return;
    await this.#deps.storage.db
      .deleteFrom('schedule_state')
      .where('tenant', '=', one.tenant)
      .where('name', '=', one.name)
      .execute();
  }
}
