import { sql, type Selectable } from 'kysely';
import type { Json, JsonObject } from '../../../base/index.ts';
import type { Executor, SensorStateTable } from '../../../platform/storage/index.ts';

export type SensorRow = Selectable<SensorStateTable>;

interface SensorKey {
  readonly tenant: string;
  readonly name: string;
}

/** Begins the state of sensors that have none, and begins it anew where type or config changed. */
export async function beginSensors(
  db: Executor,
  sensors: readonly (SensorKey & { readonly configHash: string })[],
  now: number,
): Promise<void> {
  if (sensors.length === 0) return;
  await sql`
    insert into sensor_state as s (tenant, name, config_hash, pending, next_look_at)
    select r.tenant, r.name, r."configHash", '[]'::jsonb, ${new Date(now)}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(sensors)}::jsonb) as r(tenant text, name text, "configHash" text)
    on conflict (tenant, name) do update set config_hash = excluded.config_hash, state = null,
      next_look_at = excluded.next_look_at, version = s.version + 1, last_error = null
    where s.config_hash <> excluded.config_hash`.execute(db);
}

export function readSensor(db: Executor, key: SensorKey): Promise<SensorRow | undefined> {
  return db
    .selectFrom('sensor_state')
    .selectAll()
    .where('tenant', '=', key.tenant)
    .where('name', '=', key.name)
    .executeTakeFirst();
}

/**
 * Takes a sensor for a look; `undefined` when another process has it, it is paused, or it is not time yet. The process
 * that has it keeps it: state such as the files of a folder may be its machine's own.
 */
export async function claimSensor(
  db: Executor,
  key: SensorKey & { readonly configHash: string },
  claim: { readonly by: string; readonly now: number; readonly leaseMs: number; readonly atOnce: boolean },
): Promise<SensorRow | undefined> {
  const now = new Date(claim.now);
  const { rows } = await sql<SensorRow>`
    update sensor_state set lease_by = ${claim.by}, lease_until = ${new Date(claim.now + claim.leaseMs)}::timestamptz,
      version = version + 1
    where tenant = ${key.tenant} and name = ${key.name} and config_hash = ${key.configHash} and paused_at is null
      and (${claim.atOnce} or next_look_at <= ${now}::timestamptz or pending <> '[]'::jsonb)
      and (lease_until is null or lease_until <= ${now}::timestamptz or lease_by = ${claim.by})
    returning *`.execute(db);
  return rows[0];
}

/** Writes what a process knows of a sensor that it holds; `undefined` when it no longer does. */
export async function writeSensor(
  db: Executor,
  row: Pick<SensorRow, 'tenant' | 'name' | 'version'>,
  change: {
    readonly state?: Json;
    readonly pending?: readonly JsonObject[];
    readonly quiet_until?: Date | null;
    readonly next_look_at?: Date;
    readonly lease_until?: Date | null;
    readonly last_event_at?: Date;
    readonly last_run_id?: string;
    readonly last_error?: string | null;
  },
): Promise<SensorRow | undefined> {
  const { state, pending, ...plain } = change;
  return db
    .updateTable('sensor_state')
    .set({
      ...plain,
      ...(state === undefined ? {} : { state: JSON.stringify(state) }),
      ...(pending === undefined ? {} : { pending: JSON.stringify(pending) }),
      version: row.version + 1,
    })
    .where('tenant', '=', row.tenant)
    .where('name', '=', row.name)
    .where('version', '=', row.version)
    .returningAll()
    .executeTakeFirst();
}
