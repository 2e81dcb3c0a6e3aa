import { z } from 'zod';
import { definitionName, definitionVersion, durationMs } from './metadata.ts';
import { projectModels } from './models.ts';
import { routingDefaults } from './route.ts';

/** `agent33.yaml`: settings of a project; the file may be missing. */
export const projectDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Project'),
    metadata: z.strictObject({ name: definitionName, description: z.string().optional() }),
    spec: z
      .strictObject({
        defaultAgent: definitionName
          .optional()
          .describe('Agent that answers when a request names none; the first by name when left out.'),
        models: projectModels,
        routing: routingDefaults,
        egress: z
          .strictObject({
            allow: z
              .array(z.string())
              .default([])
              .describe('Hosts or CIDRs on private networks that outgoing calls may reach.'),
            domains: z
              .array(z.string().min(1))
              .default([])
              .describe('Hosts that http_request steps of every workflow may call, such as api.example.com.'),
          })
          .prefault({}),
        commands: z
          .strictObject({
            allow: z
              .array(z.string().min(1))
              .default([])
              .describe('Programs that run_command steps may execute. An empty list denies.'),
            environment: z
              .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/))
              .default([])
              .describe("Variables of the server's environment that they get beside PATH, HOME and LANG."),
          })
          .prefault({}),
        events: z
          .strictObject({
            handler: z
              .enum(['bus', 'amqp'])
              .default('bus')
              .describe('What carries events in and out: the bus alone, or an AMQP broker beside it.'),
            config: z
              .strictObject({
                broker_url: z
                  .string()
                  .optional()
                  .describe('Address of the AMQP broker (amqp://…); AMQP_URL when left out.'),
                exchange: z
                  .string()
                  .min(1)
                  .default('agent33.events')
                  .describe('Topic exchange that events come from and go to.'),
                queue: z
                  .string()
                  .min(1)
                  .default('agent33.events.in')
                  .describe('Durable queue for events from outside.'),
                subscribe: z
                  .array(z.string().min(1))
                  .default(['external.>'])
                  .describe(
                    'Routing keys that come in; * stands for one token, > at the end for one or more.',
                  ),
              })
              .prefault({}),
          })
          .optional()
          .describe('Events from and to other programs.'),
        runs: z
          .strictObject({
            concurrency: z
              .int()
              .min(1)
              .max(1000)
              .default(50)
              .describe('Runs that one process executes side by side.'),
            retention: durationMs.default(30 * 86_400_000).describe('How long finished runs are kept.'),
          })
          .prefault({}),
      })
      .prefault({}),
  })
  .describe('Settings of a project.');

export type ProjectDefinition = z.output<typeof projectDefinition>;
