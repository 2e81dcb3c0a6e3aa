import type { Json, Service } from '../../base/index.ts';
import type { Queue } from '../../platform/queue/index.ts';
import type { Scope } from '../../protocol/index.ts';
import type { DefinitionStore } from '../definitions/index.ts';
import type { RunRetrier } from '../runs/index.ts';
import type { AutomationDeps } from './automation-deps.ts';
import { createDeadLetterDesk } from './dead-letters/create-dead-letter-desk.ts';
import type { DeadLetterDesk } from './dead-letters/dead-letter-desk.ts';
import { StuckJobs } from './dead-letters/stuck-jobs.ts';
import type { EventStore } from './events/event-store.ts';
import { createScheduleService, type ScheduleService } from './schedules/schedule-service.ts';
import { ScheduleTicker } from './schedules/schedule-ticker.ts';
import { SensorRunner } from './sensors/sensor-runner.ts';
import { createSensorService, type SensorService } from './sensors/sensor-service.ts';
import type { SensorRegistry } from './sensors/sensor-type.ts';

/** Takes events in, for sensors and for runs that wait for one. */
export interface EventPublisher {
  /** Durable when it resolves; the same id again changes nothing. Errors: those of `EventStore.publish`. */
  publish(
    scope: Scope,
    event: { readonly name: string; readonly payload: Json; readonly id?: string | undefined },
  ): Promise<{ id: string; duplicate: boolean; delivered: number }>;
}

/** What starts runs by itself, and what was given up, as people handle them. */
export interface Automation {
  readonly schedules: ScheduleService;
  readonly sensors: SensorService;
  readonly events: EventPublisher;
  readonly deadLetters: DeadLetterDesk;
}

export interface CreateAutomationDeps extends AutomationDeps {
  readonly queue: Queue;
  /** Sends runs again that were given up. */
  readonly retrier: RunRetrier;
  readonly definitions: {
    readonly schedules: DefinitionStore<'Schedule'>;
    readonly sensors: DefinitionStore<'Sensor'>;
  };
  readonly sensorTypes: SensorRegistry;
  readonly eventStore: EventStore;
  /** Tells runs that wait for an event; resolves with their number. */
  readonly tellRuns: (
    scope: Scope,
    event: { readonly id: string; readonly name: string; readonly payload: Json },
  ) => Promise<number>;
  /** How long outcomes of slots and published events are kept. */
  readonly retentionMs: number;
}

/**
 * Schedules, sensors and the desk. `services` tick and look; any number of processes may run them. `changed` is told of
 * changes of the project's files.
 */
export function createAutomation(
  deps: CreateAutomationDeps,
): Automation & { readonly services: readonly Service[]; readonly changed: () => void } {
  const { definitions, retentionMs, eventStore } = deps;
  const ticker = new ScheduleTicker({ ...deps, store: definitions.schedules }, { retentionMs });
  const runner = new SensorRunner({
    ...deps,
    store: definitions.sensors,
    registry: deps.sensorTypes,
    events: eventStore,
    eventRetentionMs: retentionMs,
  });
  return {
    schedules: createScheduleService({ ...deps, store: definitions.schedules }, () => ticker.changed()),
    sensors: createSensorService({ ...deps, store: definitions.sensors }),
    events: {
      async publish(scope, event) {
        const stored = await eventStore.publish(scope, event);
        const { name, payload } = event;
        return { ...stored, delivered: await deps.tellRuns(scope, { id: stored.id, name, payload }) };
      },
    },
    deadLetters: createDeadLetterDesk({ ...deps, ...definitions }),
    services: [ticker, runner, new StuckJobs(deps)],
    changed: () => {
      ticker.changed();
      runner.changed();
    },
  };
}
