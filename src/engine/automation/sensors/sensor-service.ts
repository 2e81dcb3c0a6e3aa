import { sql } from 'kysely';
import type { Json } from '../../../base/index.ts';
import { AppError } from '../../../base/index.ts';
import type { Scope } from '../../../protocol/index.ts';
import type { DefinitionStore } from '../../definitions/index.ts';
import { announcingStore } from '../announcing-store.ts';
import { automationChannel, type AutomationDeps } from '../automation-deps.ts';
import { readSensor } from './sensor-records.ts';

/** How a sensor stands. Times are ISO 8601. */
export interface SensorStatus {
  readonly paused: { readonly at: string; readonly by: string } | null;
  /** Seen, and not yet started. */
  readonly pending: number;
  readonly nextLookAt: string | null;
  readonly lastEventAt: string | null;
  readonly lastRunId: string | null;
  readonly lastError: string | null;
  /** What it remembers; `null` before its first look. */
  readonly state: Json;
}

/** Sensors as people handle them. Error of each: `not_found` with the nearest name. */
export interface SensorService {
  readonly store: DefinitionStore<'Sensor'>;
  status(scope: Scope, name: string): Promise<SensorStatus>;
  /** It looks no more until it is resumed; then it sees what happened meanwhile. Error: `conflict` before its first look. */
  pause(scope: Scope, name: string): Promise<void>;
  resume(scope: Scope, name: string): Promise<void>;
}

export function createSensorService(
  deps: Pick<AutomationDeps, 'storage' | 'clock'> & { readonly store: DefinitionStore<'Sensor'> },
): SensorService {
  const { storage, clock } = deps;
  const store = announcingStore(deps.store, storage, 'sensors');

  async function setPaused(scope: Scope, name: string, paused: boolean): Promise<void> {
    await store.get(scope, name);
    const found = await storage.transaction(async (trx) => {
      const at = paused ? new Date(clock.now()) : null;
      const result = await sql`
        update sensor_state set paused_at = case when ${paused} then coalesce(paused_at, ${at}::timestamptz) end,
          paused_by = case when ${paused} then coalesce(paused_by, ${scope.principal}) end, version = version + 1
        where tenant = ${scope.tenant} and name = ${name}`.execute(trx);
      await storage.notify(trx, automationChannel, 'sensors');
      return result.numAffectedRows === 1n;
    });
    if (!found) throw new AppError('conflict', `sensor "${name}" has not begun yet; is it enabled?`);
  }

  return {
    store: {
      ...store,
      async delete(scope, name) {
        await store.delete(scope, name);
        await storage.db
          .deleteFrom('sensor_state')
          .where('tenant', '=', scope.tenant)
          .where('name', '=', name)
          .execute();
      },
    },
    async status(scope, name) {
      await store.get(scope, name);
      const row = await readSensor(storage.db, { tenant: scope.tenant, name });
      return {
        paused:
          row === undefined || row.paused_at === null
            ? null
            : { at: row.paused_at.toISOString(), by: row.paused_by ?? '' },
        pending: row?.pending.length ?? 0,
        nextLookAt: row?.next_look_at.toISOString() ?? null,
        lastEventAt: row?.last_event_at?.toISOString() ?? null,
        lastRunId: row?.last_run_id ?? null,
        lastError: row?.last_error ?? null,
        state: row?.state ?? null,
      };
    },
    pause: (scope, name) => setPaused(scope, name, true),
    resume: (scope, name) => setPaused(scope, name, false),
  };
}
