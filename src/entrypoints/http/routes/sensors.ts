import { z } from 'zod';
import type { SensorStatus } from '../../../engine/automation/index.ts';
import type { Scope } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { addDefinitionRoutes, definitionSummary, wireDefinition } from './definition-routes.ts';

const tags = ['sensors'];
const prefix = '/api/v1/sensors';
const byId = z.strictObject({ id: z.string().min(1).max(64).describe('Name of the sensor.') });

const wireSensor = wireDefinition
  .extend({
    enabled: z.boolean(),
    type: z.string(),
    start: z.object({ kind: z.string(), name: z.string() }),
  })
  .meta({ id: 'Sensor' });

const wireState = z
  .object({
    name: z.string(),
    paused: z.object({ at: z.string(), by: z.string() }).nullable(),
    pending: z.number().describe('Seen, and not yet started.'),
    next_look_at: z.string().nullable(),
    last_event_at: z.string().nullable(),
    last_run_id: z.string().nullable(),
    last_error: z.string().nullable(),
    state: z.unknown().describe('What it remembers.'),
  })
  .meta({ id: 'SensorState' });

function stateToWire(name: string, status: SensorStatus): z.output<typeof wireState> {
  return {
    name,
    paused: status.paused,
    pending: status.pending,
    next_look_at: status.nextLookAt,
    last_event_at: status.lastEventAt,
    last_run_id: status.lastRunId,
    last_error: status.lastError,
    state: status.state,
  };
}

/** Sensors: definitions, what they remember, and how to pause one. */
export function addSensorRoutes(app: HttpApp, deps: RouteDeps): void {
  const { sensors } = deps.automation;
  addDefinitionRoutes(app, {
    kind: 'Sensor',
    prefix,
    singular: 'a sensor',
    plural: 'sensors',
    store: sensors.store,
    warnings: (scope, { definition }) => deps.definitionWarnings(scope, definition),
    read: 'automation:read',
    write: 'automation:write',
    summary: wireSensor,
    summaryOf: (stored) => {
      const { spec } = stored.definition;
      return { ...definitionSummary(stored), enabled: spec.enabled, type: spec.type, start: spec.start };
    },
  });
  const stateOf = async (scope: Scope, name: string) => stateToWire(name, await sensors.status(scope, name));

  app.get(
    `${prefix}/:id/state`,
    {
      config: { scopes: ['automation:read'] },
      schema: { tags, summary: 'What a sensor remembers', params: byId, response: { 200: wireState } },
    },
    (request) => stateOf(request.scope, request.params.id),
  );

  for (const act of ['pause', 'resume'] as const) {
    app.post(
      `${prefix}/:id/${act}`,
      {
        config: { scopes: ['automation:write'] },
        schema: {
          tags,
          summary: act === 'pause' ? 'Stop looking' : 'Look again; what happened meanwhile is seen',
          params: byId,
          response: { 200: wireState },
        },
      },
      async (request) => {
        await sensors[act](request.scope, request.params.id);
        return stateOf(request.scope, request.params.id);
      },
    );
  }
}
