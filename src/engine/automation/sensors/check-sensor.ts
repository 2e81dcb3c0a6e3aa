import { didYouMean } from '../../../base/index.ts';
import type { DefinitionCheck } from '../../definitions/index.ts';
import { eventConfig } from './event-sensor.ts';
import { fileChangeConfig } from './file-change-sensor.ts';
import { freshnessConfig } from './freshness-sensor.ts';
import { parseSensorConfig, type SensorType } from './sensor-type.ts';

/** What definitions of sensors are checked by. */
export type SensorTypeConfig = Pick<SensorType, 'name' | 'configSchema'>;

/** The types that come with Agent33. */
export const builtinSensorConfigs: readonly SensorTypeConfig[] = [
  { name: 'file_change', configSchema: fileChangeConfig },
  { name: 'freshness', configSchema: freshnessConfig },
  { name: 'event', configSchema: eventConfig },
];

const shortestIntervalMs = 1000;

/** Finds unknown types of sensors, and configs that do not fit their type. */
export function checkSensor(types: () => readonly SensorTypeConfig[]): DefinitionCheck {
  return (definition) => {
    if (definition.kind !== 'Sensor') return [];
    const { spec } = definition;
    const known = types();
    const type = known.find((one) => one.name === spec.type);
    const faults = [];
    if (spec.interval < shortestIntervalMs)
      faults.push({ path: ['spec', 'interval'], message: 'expected at least 1s' });
    if (type === undefined) {
      const names = known.map((one) => one.name);
      const message = `there is no sensor type "${spec.type}"${didYouMean(spec.type, names)}`;
      return [...faults, { path: ['spec', 'type'], message }];
    }
    const parsed = parseSensorConfig(type, spec.config);
    if (parsed.success) return faults;
    return [
      ...faults,
      ...parsed.error.issues.map((issue) => ({
        path: ['spec', 'config', ...issue.path],
        message: issue.message,
      })),
    ];
  };
}
