import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import { compilePattern } from '../../../platform/bus/index.ts';
import type { EvaluateCondition } from '../evaluate-inputs.ts';
import type { EventStore, PublishedEvent } from '../events/event-store.ts';
import type { SensorType } from './sensor-type.ts';

/** Config of the type `event`. */
export const eventConfig = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(255)
    .refine(
      (name) => isPattern(name),
      'expected names separated by dots; "*" stands for one, ">" for the rest',
    )
    .describe('Name of the event; "*" stands for one part, ">" at the end for all further ones.'),
  filter: z
    .string()
    .max(2000)
    .optional()
    .describe('Expression over `event`, such as `event.payload.amount > 100`.'),
});

type Config = z.output<typeof eventConfig>;

function isPattern(name: string): boolean {
  try {
    compilePattern(name);
    return true;
  } catch {
    return false;
  }
}

/** An event as inputs and filters see it. */
function eventVariables(event: PublishedEvent): JsonObject {
  return {
    id: event.id,
    name: event.name,
    payload: event.payload,
    principal: event.principal,
    published_at: event.publishedAt,
  };
}

/** Looked at in one go; most events are of no concern to a sensor. */
const page = 500;

/** Sees events that were published since the sensor began, each once, in order. */
export function createEventSensor(deps: {
  events: EventStore;
  condition: EvaluateCondition;
  onFilterFault?: (event: string, error: unknown) => void;
}): SensorType<Config> {
  return {
    name: 'event',
    configSchema: eventConfig,
    wakesOnEvents: true,
    async look({ tenant, config, state, limit }) {
      const { events, condition } = deps;
      if (typeof state !== 'number') return { state: await events.newest(tenant), events: [] };
      const fits = compilePattern(config.name);
      const read = await events.after(tenant, state, page);
      const found: JsonObject[] = [];
      let cursor = state;
      for (const event of read) {
        if (found.length >= limit) return { state: cursor, events: found, more: true };
        cursor = event.sequence;
        if (!fits(event.name)) continue;
        const variables = eventVariables(event);
        try {
          if (config.filter === undefined || (await condition(config.filter, { event: variables })))
            found.push(variables);
        } catch (error) {
          // An event without what the filter asks for does not fit it.
          deps.onFilterFault?.(event.id, error);
        }
      }
      return { state: cursor, events: found, more: read.length === page };
    },
  };
}
