import { z } from 'zod';
import type { Json } from '../../../base/index.ts';
import { eventName } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';

/** Events from outside, for sensors. */
export function addEventRoutes(app: HttpApp, deps: RouteDeps): void {
  app.post(
    '/api/v1/events',
    {
      config: { scopes: ['automation:write'] },
      schema: {
        tags: ['events'],
        summary: 'Publish an event',
        description:
          'Stored before it is answered; sensors of type `event` see it once, in order, and runs that wait for it go on. The same id again changes nothing.',
        body: z.strictObject({
          name: eventName.describe('Parts separated by dots, such as `order.paid`.'),
          payload: z.unknown().default(null),
          id: z.string().min(1).max(200).optional().describe('Makes a repeated request the same event.'),
        }),
        response: {
          202: z.object({
            id: z.string(),
            duplicate: z.boolean(),
            delivered: z.number().describe('Runs that waited for it.'),
          }),
        },
      },
    },
    async (request, reply) => {
      const { name, payload, id } = request.body;
      const published = await deps.automation.events.publish(request.scope, {
        name,
        payload: payload as Json,
        id,
      });
      reply.code(202);
      return published;
    },
  );
}
