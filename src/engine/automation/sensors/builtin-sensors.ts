import type { Logger } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type { EvaluateCondition } from '../evaluate-inputs.ts';
import type { EventStore } from '../events/event-store.ts';
import { createEventSensor } from './event-sensor.ts';
import { createFileChangeSensor } from './file-change-sensor.ts';
import { createFreshnessSensor } from './freshness-sensor.ts';
import { SensorRegistry } from './sensor-type.ts';

/** A registry with the types that come with Agent33: `file_change`, `freshness`, `event`. */
export function createBuiltinSensors(deps: {
  readonly projectDir: string;
  readonly storage: Storage;
  readonly events: EventStore;
  readonly condition: EvaluateCondition;
  readonly logger: Logger;
}): SensorRegistry {
  const registry = new SensorRegistry();
  registry.register(createFileChangeSensor(deps));
  registry.register(createFreshnessSensor(deps));
  registry.register(
    createEventSensor({
      events: deps.events,
      condition: deps.condition,
      onFilterFault: (event, error) =>
        deps.logger.debug({ event, error: String(error) }, 'a filter did not fit an event'),
    }),
  );
  return registry;
}
