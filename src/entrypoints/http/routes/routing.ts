import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import type { RoutedEvent } from '../../../engine/routing/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';

const id = z.string().min(1).max(200);
const wireTarget = z.object({ kind: z.enum(['agent', 'team', 'workflow']), name: z.string() });

const testBody = z.strictObject({
  source: z.string().min(1).max(64).default('rest').describe('telegram, discord, rest, …'),
  channel: id.optional().describe('Name of a channel definition: its own rules and its agent hold too.'),
  account_id: id.optional(),
  channel_id: id.optional(),
  guild_id: id.optional(),
  user_id: id.optional(),
  content: z.string().max(100_000).default(''),
  chat_type: z.enum(['dm', 'group', 'channel']).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  target: wireTarget.optional().describe('Named explicitly: it goes before all rules.'),
});

const wireExplanation = z
  .object({
    target: wireTarget,
    reason: z.enum(['explicit', 'rule', 'source-default', 'default']),
    rule: z.string().nullable().describe('The rule that fitted.'),
    considered: z.array(
      z.object({
        rule: z.string(),
        priority: z.number(),
        target: wireTarget,
        outcome: z.enum(['chosen', 'no-match', 'not-reached']),
        failed: z.string().nullable().describe('The condition that did not hold.'),
      }),
    ),
  })
  .meta({ id: 'RouteExplanation' });

function eventOf(body: z.output<typeof testBody>): RoutedEvent {
  const given = {
    channel: body.channel,
    accountId: body.account_id,
    channelId: body.channel_id,
    guildId: body.guild_id,
    userId: body.user_id,
    chatType: body.chat_type,
    metadata: body.metadata as JsonObject | undefined,
    target: body.target,
  };
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { source: body.source, content: body.content, ...known };
}

/** Which rule a message would follow, and why. Nothing is started. */
export function addRoutingRoutes(app: HttpApp, { router }: RouteDeps): void {
  app.post(
    '/api/v1/routes/test',
    {
      config: { scopes: ['channels:read'] },
      schema: {
        tags: ['routes'],
        summary: 'Which rule a message would follow, and why; nothing is started',
        body: testBody,
        response: { 200: wireExplanation },
      },
    },
    (request) => {
      const { target, reason, rule, considered } = router.explain(eventOf(request.body));
      return {
        target: { ...target },
        reason,
        rule: rule ?? null,
        considered: considered.map((one) => ({
          ...one,
          target: { ...one.target },
          failed: one.failed ?? null,
        })),
      };
    },
  );
}
