import { z } from 'zod';
import { definitionName } from '../metadata.ts';

/** Who may talk to the bot. */
export const channelAccess = z
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
  .prefault({});

export type ChannelAccess = z.output<typeof channelAccess>;

/** What channels of every platform have. */
export const sharedChannelFields = {
  enabled: z.boolean().default(true),
  agent: definitionName.describe('The agent that answers.'),
  access: channelAccess,
  typing: z.boolean().default(true).describe('Show "typing" while the agent works.'),
};
