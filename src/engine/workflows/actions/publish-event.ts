import { z } from 'zod';
import type { Json } from '../../../base/index.ts';
import { eventName, type Scope } from '../../../protocol/index.ts';
import { defineStepAction } from '../define-action.ts';
import type { StepAction } from '../workflow-action.ts';

/** Tells sensors and all runs of a tenant that wait for an event, in whatever process. The same id twice has one effect. */
export interface EventPublisher {
  /** Resolves with the number of waiting runs that were told. */
  publish(scope: Scope, event: { id: string; name: string; payload: Json }): Promise<number>;
}

/** Publishes an event. */
export function createPublishEvent(deps: { readonly events: EventPublisher }): StepAction {
  return defineStepAction({
    name: 'publish_event',
    description: 'Tells sensors, and every run of the tenant that waits for an event of this name.',
    inputs: z.strictObject({
      name: eventName,
      payload: z.unknown().optional().describe('What the waiting steps get as their output.'),
    }),
    output: z.strictObject({ delivered: z.int().describe('Waiting runs that were told.') }),
    kind: 'action',
    effect: 'keyed',
    run: async ({ inputs, scope }, io) => {
      const payload = (inputs.payload ?? null) as Json;
      const event = { id: io.idempotencyKey, name: inputs.name, payload };
      return { delivered: await deps.events.publish(scope, event) };
    },
  });
}
