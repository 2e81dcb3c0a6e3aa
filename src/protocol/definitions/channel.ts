import { z } from 'zod';
import { definitionName, definitionVersion, durationMs, metadata } from './metadata.ts';

const channelSpec = z.strictObject({
  platform: z.literal('telegram').describe('The chat platform.'),
  enabled: z.boolean().default(true),
  agent: definitionName.describe('The agent that answers.'),
  token: z.string().min(1).describe('Bot token; use ${TELEGRAM_BOT_TOKEN} rather than the value.'),
  mode: z.enum(['polling', 'webhook']).default('polling'),
  apiBase: z
    .url()
    .default('https://api.telegram.org')
    .describe('Address of the Bot API; another one for a self-hosted or test server.'),
  webhook: z
    .strictObject({
      secret: z
        .string()
        .regex(/^[A-Za-z0-9_-]{16,256}$/)
        .describe('Secret token that the platform sends with each update.'),
      url: z
        .url()
        .optional()
        .describe('Public address; when given, it is registered with the platform at start.'),
    })
    .optional()
    .describe('Settings of webhook mode.'),
  pollTimeout: durationMs.default(30_000).describe('Long-poll time.'),
  access: z
    .strictObject({
      dm: z
        .enum(['open', 'allowlist', 'disabled'])
        .default('open')
        .describe('Who may write in direct messages.'),
      groups: z.enum(['open', 'allowlist', 'disabled']).default('disabled'),
      users: z.array(z.string()).default([]).describe('Allowed user ids. An empty list denies.'),
      chats: z.array(z.string()).default([]).describe('Allowed group ids. An empty list denies.'),
      approvers: z
        .array(z.string())
        .default([])
        .describe(
          'User ids that may decide by chat what this channel asked and no approver is named for. An empty list: nobody.',
        ),
      requireMention: z
        .boolean()
        .default(true)
        .describe('In groups: answer only when mentioned or replied to.'),
    })
    .prefault({}),
  typing: z.boolean().default(true).describe('Show "typing" while the agent works.'),
});

/** `kind: Channel`. */
export const channelDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Channel'),
    metadata,
    spec: channelSpec,
  })
  .describe('A chat platform account through which people reach an agent.');

export type ChannelDefinition = z.output<typeof channelDefinition>;
export type ChannelSpec = z.output<typeof channelSpec>;
