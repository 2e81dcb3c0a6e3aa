import type { Logger } from '../base/index.ts';
import {
  createAutomation,
  createBuiltinSensors,
  createEventStore,
  type AutomationDeps,
} from '../engine/automation/index.ts';
import type { Expressions } from '../engine/expressions/index.ts';
import { createDefinitionStore, type DefinitionStoreDeps } from '../engine/definitions/index.ts';
import type { RunEngine, RunRetrier } from '../engine/runs/index.ts';
import type { Queue } from '../platform/queue/index.ts';

/** Schedules, sensors, events and the desk of dead letters. */
export function composeAutomation(
  parts: Omit<AutomationDeps, 'runs' | 'failpoint' | 'evaluate'> & {
    readonly expressions: Expressions;
    readonly runs: RunEngine;
    readonly retrier: RunRetrier;
    readonly queue: Queue;
    readonly definitions: DefinitionStoreDeps;
    readonly projectDir: string;
    readonly retentionMs: number;
    readonly logger: Logger;
    readonly failpoint?: ((name: string) => void) | undefined;
  },
) {
  const { definitions, failpoint, expressions, ...deps } = parts;
  const eventStore = createEventStore(deps);
  return createAutomation({
    ...deps,
    evaluate: (template, variables) => expressions.evaluate(template, variables),
    ...(failpoint === undefined ? {} : { failpoint }),
    definitions: {
      schedules: createDefinitionStore('Schedule', definitions),
      sensors: createDefinitionStore('Sensor', definitions),
    },
    sensorTypes: createBuiltinSensors({
      ...deps,
      events: eventStore,
      condition: (expression, variables) => expressions.condition(expression, variables),
    }),
    eventStore,
    tellRuns: (scope, event) => deps.runs.publishEvent(scope, event),
  });
}
