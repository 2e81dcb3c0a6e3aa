import { createHash } from 'node:crypto';
import { canonicalJson, toAppError, type Service } from '../../../base/index.ts';
import type { Subscription } from '../../../platform/storage/index.ts';
import type { DefinitionStore } from '../../definitions/index.ts';
import { automationChannel, type AutomationDeps } from '../automation-deps.ts';
import type { EventStore } from '../events/event-store.ts';
import { definitionsFor, tenantsWith } from '../schedules/schedule-directory.ts';
import { WakingLoop } from '../waking-loop.ts';
import { attendSensor, type FollowedSensor } from './attend-sensor.ts';
import { beginSensors } from './sensor-records.ts';
import { parseSensorConfig, type SensorRegistry } from './sensor-type.ts';

const longestWaitMs = 5_000;
const refreshEveryMs = 60_000;
const pruneEveryMs = 3_600_000;
const sideBySide = 4;

export interface SensorRunnerDeps extends AutomationDeps {
  readonly store: DefinitionStore<'Sensor'>;
  readonly registry: SensorRegistry;
  readonly events: EventStore;
  /** How long published events are kept. */
  readonly eventRetentionMs: number;
}

/** Lets sensors look, each at its interval and in one process at a time, and starts what they saw. */
export class SensorRunner implements Service {
  readonly name = 'sensors';
  readonly #loop: WakingLoop;
  readonly #deps: SensorRunnerDeps;
  readonly #by: string;
  #sensors = new Map<string, FollowedSensor>();
  #subscription: Subscription | undefined;
  #isStale = true;
  #refreshAt = 0;
  #pruneAt: number;

  constructor(deps: SensorRunnerDeps) {
    this.#deps = deps;
    this.#loop = new WakingLoop({
      clock: deps.clock,
      pass: () => this.tick(),
      nextAt: (now) => this.#nextAt(now),
      onError: (error) =>
        deps.logger.warn({ error: String(error) }, 'sensors could not be looked at; trying again'),
    });
    this.#by = deps.ids('wrk');
    this.#pruneAt = deps.clock.now() + pruneEveryMs;
  }

  async start(): Promise<void> {
    if (this.#loop.running) return;
    this.#loop.start();
    this.#subscription = await this.#deps.storage.listen(
      automationChannel,
      (payload) => {
        if (payload === 'sensors') this.changed();
        else if (payload === 'events') this.published();
      },
      () => {
        this.published();
        this.changed();
      },
    );
    this.#loop.wake();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#subscription?.close();
    this.#subscription = undefined;
    // Others need not wait until the leases have run out.
    await this.#deps.storage.db
      .updateTable('sensor_state')
      .set({ lease_until: null, lease_by: null })
      .where('lease_by', '=', this.#by)
      .execute()
      .catch(() => {});
  }

  /** Definitions or pauses changed: look at them now. */
  changed(): void {
    this.#isStale = true;
    this.#loop.wake();
  }

  /** Events were published: sensors of events look now. */
  published(): void {
    for (const sensor of this.#sensors.values()) if (sensor.type.wakesOnEvents === true) sensor.wanted = true;
    this.#loop.wake();
  }

  #nextAt(now: number): number {
    let next = now + (this.#isStale ? 1000 : longestWaitMs);
    for (const { dueAt } of this.#sensors.values()) if (dueAt < next) next = dueAt;
    return next;
  }

  /** One pass over the sensors that are due. Rejects when the database cannot be reached. */
  async tick(): Promise<void> {
    const { clock, events } = this.#deps;
    if (this.#isStale || clock.now() >= this.#refreshAt) {
      this.#isStale = false;
      try {
        await this.#refresh();
      } catch (error) {
        this.#isStale = true;
        throw error;
      }
      this.#refreshAt = clock.now() + refreshEveryMs;
    }
    const now = clock.now();
    const due = [...this.#sensors.values()].filter((one) => one.dueAt <= now || one.wanted);
    const worker = async (): Promise<void> => {
      for (let one = due.shift(); one !== undefined; one = due.shift()) await this.#attend(one);
    };
    await Promise.all(Array.from({ length: Math.min(sideBySide, due.length) }, worker));
    if (now >= this.#pruneAt) {
      this.#pruneAt = now + pruneEveryMs;
      await events.prune(new Date(now - this.#deps.eventRetentionMs));
    }
  }

  async #attend(sensor: FollowedSensor): Promise<void> {
    const { clock, logger } = this.#deps;
    try {
      sensor.dueAt = await attendSensor(this.#deps, sensor, this.#by);
    } catch (error) {
      sensor.failures += 1;
      sensor.dueAt = clock.now() + Math.min(1000 * 2 ** (sensor.failures - 1), 60_000);
      logger.warn({ sensor: sensor.name, error: String(error) }, 'a sensor failed; trying again');
    }
  }

  async #refresh(): Promise<void> {
    const { storage, store, registry, clock, logger } = this.#deps;
    const next = new Map<string, FollowedSensor>();
    const present = new Set<string>();
    for (const tenant of await tenantsWith(storage, 'Sensor')) {
      for (const { definition } of await definitionsFor(store, tenant)) {
        const { name } = definition.metadata;
        const { spec } = definition;
        const key = `${tenant}/${name}`;
        present.add(key);
        if (!spec.enabled) continue;
        try {
          const type = registry.get(spec.type);
          const config = parseSensorConfig(type, spec.config);
          if (!config.success) throw config.error;
          const known = this.#sensors.get(key);
          next.set(key, {
            tenant,
            name,
            spec,
            type,
            config: config.data,
            configHash: hashOf(spec),
            dueAt: Math.min(known?.dueAt ?? 0, clock.now()),
            wanted: known?.wanted ?? false,
            failures: known?.failures ?? 0,
          });
        } catch (error) {
          logger.warn({ sensor: name, reason: toAppError(error).message }, 'sensor is not followed');
        }
      }
    }
    await beginSensors(
      storage.db,
      [...next.values()].map(({ tenant, name, configHash }) => ({ tenant, name, configHash })),
      clock.now(),
    );
    // What comes again under the name later is a new sensor.
    for (const [key, { tenant, name }] of this.#sensors)
      if (!present.has(key))
        await storage.db
          .deleteFrom('sensor_state')
          .where('tenant', '=', tenant)
          .where('name', '=', name)
          .execute();
    this.#sensors = next;
  }
}

/** Decides whether what a sensor remembers still counts. */
function hashOf({ type, config }: FollowedSensor['spec']): string {
  return createHash('sha256').update(canonicalJson({ type, config })).digest('base64url');
}
