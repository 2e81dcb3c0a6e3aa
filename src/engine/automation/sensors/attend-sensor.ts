import { toAppError, withDeadline, type JsonObject } from '../../../base/index.ts';
import type { SensorSpec } from '../../../protocol/index.ts';
import type { AutomationDeps } from '../automation-deps.ts';
import { writeDeadLetter } from '../dead-letters/write-dead-letter.ts';
import { automationScope, isPassing, startRequest } from '../start-request.ts';
import { claimSensor, writeSensor, type SensorRow } from './sensor-records.ts';
import type { SensorType } from './sensor-type.ts';

/** A sensor as this process follows it. */
export interface FollowedSensor {
  readonly tenant: string;
  readonly name: string;
  readonly spec: SensorSpec;
  readonly type: SensorType;
  /** As the type wants it. */
  readonly config: unknown;
  readonly configHash: string;
  dueAt: number;
  /** Something was published: look also before it is time. */
  wanted: boolean;
  failures: number;
}

const eventsPerLook = 100;
const mostPending = 500;
const lookMs = 30_000;
/** Under steady events a debounce ends at the latest after this many times its length. */
const longestDebounce = 10;

/** How long a process keeps a sensor without showing that it lives. */
function leaseMsOf(spec: Pick<SensorSpec, 'interval'>): number {
  return Math.max(spec.interval * 3, lookMs + 5000);
}

/** What a sensor starts for events that it saw, oldest first. Errors: those of `startRequest`. */
export function requestOfEvents(
  deps: Pick<AutomationDeps, 'evaluate'>,
  of: { readonly name: string; readonly spec: Pick<SensorSpec, 'start' | 'inputs'> },
  events: readonly JsonObject[],
) {
  return startRequest(deps.evaluate, {
    source: 'sensor',
    name: of.name,
    target: of.spec.start,
    inputs: of.spec.inputs,
    variables: { sensor: of.name, event: events.at(-1) ?? {}, events },
    metadata: { sensor: of.name, events: events.length },
  });
}

/**
 * One look of a sensor, if it is this process's: what it sees is stored with its state, then started, each in one
 * transaction with the run. Returns when to come again.
 */
export async function attendSensor(
  deps: AutomationDeps,
  sensor: FollowedSensor,
  by: string,
): Promise<number> {
  const { clock, storage } = deps;
  const { interval } = sensor.spec;
  const claimed = await claimSensor(storage.db, sensor, {
    by,
    now: clock.now(),
    leaseMs: leaseMsOf(sensor.spec),
    atOnce: sensor.wanted,
  });
  sensor.wanted = false;
  // Another process has it: seen again soon enough to take over when that one is gone.
  if (claimed === undefined) return clock.now() + interval;
  const looked = await look(deps, sensor, claimed);
  const row = looked === undefined ? undefined : await startPending(deps, sensor, looked);
  if (row === undefined) return clock.now() + interval;
  const quietUntil = row.quiet_until?.getTime() ?? Number.POSITIVE_INFINITY;
  return Math.min(row.next_look_at.getTime(), row.pending.length > 0 ? quietUntil : Number.POSITIVE_INFINITY);
}

/** The sensor's row after the look; `undefined` when it was taken over. */
async function look(
  deps: AutomationDeps,
  sensor: FollowedSensor,
  row: SensorRow,
): Promise<SensorRow | undefined> {
  const { clock, storage, metrics, logger } = deps;
  const { spec, type } = sensor;
  const now = clock.now();
  // What waits is started first.
  if (row.pending.length >= mostPending) return row;
  const { signal, clear } = withDeadline(clock, lookMs);
  try {
    const found = await type.look({
      tenant: sensor.tenant,
      config: sensor.config,
      state: row.state,
      now,
      limit: Math.min(eventsPerLook, mostPending - row.pending.length),
      signal,
    });
    if (found.events.length > 0) metrics.sensorEvents.inc({ type: type.name }, found.events.length);
    const seen = found.events.map((event): JsonObject => ({ seen_at: new Date(now).toISOString(), event }));
    const pending = [...row.pending, ...seen];
    const first = pending[0]?.['seen_at'];
    const latest = typeof first === 'string' ? Date.parse(first) + spec.debounce * longestDebounce : now;
    return await writeSensor(storage.db, row, {
      state: found.state,
      pending,
      next_look_at: new Date(found.more === true ? now : now + spec.interval),
      last_error: null,
      ...(seen.length === 0
        ? {}
        : { quiet_until: new Date(Math.min(now + spec.debounce, latest)), last_event_at: new Date(now) }),
    });
  } catch (error) {
    if (isPassing(error)) throw error;
    const { message, code } = toAppError(error);
    const reason = code === 'internal' && error instanceof Error ? error.message : message;
    logger.warn({ sensor: sensor.name, reason }, 'a sensor could not look');
    return writeSensor(storage.db, row, {
      last_error: reason.slice(0, 1000),
      next_look_at: new Date(now + spec.interval),
    });
  } finally {
    clear();
  }
}

/** Starts what the sensor saw: one run for each event, or with a debounce one for all of a quiet phase. */
async function startPending(
  deps: AutomationDeps,
  sensor: FollowedSensor,
  given: SensorRow,
): Promise<SensorRow | undefined> {
  let row: SensorRow | undefined = given;
  while (row !== undefined && row.pending.length > 0) {
    const together = sensor.spec.debounce > 0;
    if (together && row.quiet_until !== null && row.quiet_until.getTime() > deps.clock.now()) return row;
    row = await start(deps, sensor, row, together ? row.pending.length : 1);
  }
  return row;
}

async function start(
  deps: AutomationDeps,
  sensor: FollowedSensor,
  row: SensorRow,
  count: number,
): Promise<SensorRow | undefined> {
  const { runs, storage, clock } = deps;
  const events = row.pending.slice(0, count).map((one) => (one['event'] ?? {}) as JsonObject);
  const pending = row.pending.slice(count);
  let written: SensorRow | undefined;
  try {
    const request = await requestOfEvents(deps, sensor, events);
    const scope = automationScope(sensor.tenant, 'sensor', sensor.name);
    await runs.submitWithin(scope, request, async (trx, runId) => {
      written = await writeSensor(trx, row, { pending, last_run_id: runId });
      if (written !== undefined) deps.failpoint?.('sensor-before-commit');
      return written !== undefined;
    });
    sensor.failures = 0;
    return written;
  } catch (error) {
    const failure = toAppError(error);
    if (isPassing(error) || (failure.code === 'internal' && sensor.failures < 5)) throw error;
    return storage.transaction(async (trx) => {
      const popped = await writeSensor(trx, row, { pending, last_error: failure.message.slice(0, 1000) });
      if (popped === undefined) return undefined;
      await writeDeadLetter(trx, {
        id: deps.ids('dlq'),
        tenant: sensor.tenant,
        kind: 'sensor',
        ref: sensor.name,
        error: failure.toJSON(),
        payload: {
          sensor: sensor.name,
          target: { ...sensor.spec.start },
          inputs: sensor.spec.inputs as JsonObject,
          events,
        },
        now: clock.now(),
      });
      return popped;
    });
  }
}
