import { z } from 'zod';
import type { ChannelOperations } from '../channel-operations.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';

const tags = ['channels'];
const prefix = '/api/v1/channels';
const byId = z.strictObject({ id: z.string().min(1).max(64).describe('Name of the channel.') });
const userId = z.string().min(1).max(200).describe("The platform's id of the user.");
const readable = { scopes: ['channels:read'] as const };
const writable = { scopes: ['channels:write'] as const };

const wireChannel = z
  .object({
    name: z.string(),
    platform: z.string(),
    agent: z.string().describe('Answers unless a rule says otherwise.'),
    mode: z.string(),
    account_id: z.string().nullable(),
    status: z.string().describe('stopped, connecting, up, standby (another process polls) or down.'),
    error: z.string().nullable(),
    webhook_path: z.string(),
    webhook_url: z.string().nullable().describe('Public address, where the definition has one.'),
    last_in_at: z.string().nullable().describe('Since this process started.'),
    last_out_at: z.string().nullable(),
  })
  .meta({ id: 'Channel' });

const wireMessage = z
  .object({
    direction: z.enum(['in', 'out']),
    at: z.string(),
    status: z.string(),
    chat_id: z.string().nullable(),
    user_id: z.string().nullable(),
    text: z.string(),
    run_id: z.string().nullable(),
    error: z.string().nullable(),
  })
  .meta({ id: 'ChannelMessage' });

const wirePairing = z
  .object({
    user_id: z.string(),
    user_name: z.string().nullable(),
    subject: z.string().nullable().describe('Whom the user is linked to.'),
    paired_by: z.string(),
    paired_at: z.string(),
  })
  .meta({ id: 'Pairing' });

const wirePending = z
  .object({
    user_id: z.string(),
    user_name: z.string().nullable(),
    created_at: z.string(),
    expires_at: z.string(),
  })
  .meta({ id: 'PendingPairing' });

type Shown = ReturnType<ChannelOperations['list']>[number];
type Paired = Awaited<ReturnType<ChannelOperations['approvePairing']>>;

const channelToWire = (channel: Shown): z.output<typeof wireChannel> => ({
  name: channel.name,
  platform: channel.platform,
  agent: channel.agent,
  mode: channel.mode,
  account_id: channel.accountId,
  status: channel.status,
  error: channel.error,
  webhook_path: channel.webhook.path,
  webhook_url: channel.webhook.url,
  last_in_at: channel.lastInAt,
  last_out_at: channel.lastOutAt,
});

const pairingToWire = (pairing: Paired): z.output<typeof wirePairing> => ({
  user_id: pairing.userId,
  user_name: pairing.userName,
  subject: pairing.subject,
  paired_by: pairing.pairedBy,
  paired_at: pairing.pairedAt,
});

/** Channels: how they stand, what went through them, a test, and who is paired. */
export function addChannelRoutes(app: HttpApp, { channels }: RouteDeps): void {
  app.get(
    prefix,
    {
      config: readable,
      schema: {
        tags,
        summary: 'All channels of this process',
        response: { 200: z.object({ items: z.array(wireChannel) }) },
      },
    },
    () => ({ items: channels.list().map(channelToWire) }),
  );

  app.get(
    `${prefix}/:id/messages`,
    {
      config: readable,
      schema: {
        tags,
        summary: 'The newest messages, in and out',
        params: byId,
        querystring: z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(50) }),
        response: { 200: z.object({ items: z.array(wireMessage) }) },
      },
    },
    async ({ scope, params, query }) => ({
      items: (await channels.messages(scope, params.id, query.limit)).map((message) => ({
        direction: message.direction,
        at: message.at,
        status: message.status,
        chat_id: message.chatId,
        user_id: message.userId,
        text: message.text,
        run_id: message.runId,
        error: message.error,
      })),
    }),
  );

  app.post(
    `${prefix}/:id/retry`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'Tries answers now that wait for their next try',
        params: byId,
        response: { 200: z.object({ retried: z.int().describe('Answers that no longer wait.') }) },
      },
    },
    async ({ scope, params }) => ({ retried: await channels.retry(scope, params.id) }),
  );

  app.post(
    `${prefix}/:id/test`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'How a channel stands; sends a text where a chat is named',
        params: byId,
        body: z.strictObject({
          chat_id: z.string().min(1).max(200).optional(),
          text: z.string().min(1).max(2000).default('This is a test.'),
        }),
        response: { 200: wireChannel },
      },
    },
    async ({ params, body }) => {
      const to = body.chat_id === undefined ? undefined : { chatId: body.chat_id, text: body.text };
      return channelToWire(await channels.test(params.id, to));
    },
  );

  app.get(
    `${prefix}/:id/pairings`,
    {
      config: readable,
      schema: {
        tags,
        summary: 'Who is paired, and who waits to be',
        params: byId,
        response: { 200: z.object({ pending: z.array(wirePending), paired: z.array(wirePairing) }) },
      },
    },
    async ({ scope, params }) => {
      const { pending, paired } = await channels.pairings(scope, params.id);
      return {
        pending: pending.map((one) => ({
          user_id: one.userId,
          user_name: one.userName,
          created_at: one.createdAt,
          expires_at: one.expiresAt,
        })),
        paired: paired.map(pairingToWire),
      };
    },
  );

  app.post(
    `${prefix}/:id/pairings/approve`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'Let in whoever was shown this code',
        params: byId,
        body: z.strictObject({ code: z.string().min(6).max(20) }),
        response: { 200: wirePairing },
      },
    },
    async ({ scope, params, body }) =>
      pairingToWire(await channels.approvePairing(scope, params.id, body.code)),
  );

  app.post(
    `${prefix}/:id/pairings`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'A code that a user sends as /pair CODE within 15 minutes',
        params: byId,
        body: z.strictObject({
          user_id: userId,
          subject: z.string().min(1).max(200).optional().describe('Whom to link to, such as user:ada.'),
        }),
        response: { 201: z.object({ code: z.string() }) },
      },
    },
    async ({ scope, params, body }, reply) => {
      const code = await channels.invite(scope, params.id, body.user_id, body.subject);
      return reply.status(201).send({ code });
    },
  );

  app.delete(
    `${prefix}/:id/pairings/:user`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'End a pairing',
        params: byId.extend({ user: userId }),
        response: { 204: z.null() },
      },
    },
    async ({ scope, params }, reply) => {
      await channels.unpair(scope, params.id, params.user);
      return reply.status(204).send(null);
    },
  );
}
