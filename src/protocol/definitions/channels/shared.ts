import { z } from 'zod';
import { definitionName, durationMs } from '../metadata.ts';
import { channelRoute } from '../route.ts';

/** As much as the blob store takes. */
const mostFileBytes = 16 * 1024 * 1024;

/** Who may talk to the bot. */
export const channelAccess = z
  .strictObject({
    dm: z
      .enum(['open', 'pairing', 'allowlist', 'disabled'])
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
    mentionPatterns: z
      .array(z.string().min(1).max(200))
      .max(20)
      .default([])
      .describe('Regular expressions; a text in which one is found counts as mentioning the bot.'),
    context: z
      .int()
      .min(0)
      .max(50)
      .default(0)
      .describe(
        'In groups: so many unaddressed messages are kept and shown to the agent with the next turn.',
      ),
    bots: z
      .array(z.string())
      .default([])
      .describe('Ids of other bots that are answered. An empty list: none.'),
    botTurns: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .describe('Most messages of bots in a row that are answered before a person has to write.'),
  })
  .prefault({});

export type ChannelAccess = z.output<typeof channelAccess>;

/** As in other systems a bare number is a life in seconds. */
const secondsOrDuration = z.union([
  z
    .number()
    .positive()
    .transform((seconds) => seconds * 1000),
  durationMs,
]);

/** What channels of every platform have. */
export const sharedChannelFields = {
  enabled: z.boolean().default(true),
  agent: definitionName.describe('The agent that answers unless a rule says otherwise.'),
  agents: z
    .array(definitionName)
    .max(50)
    .default([])
    .describe('Agents that people may choose for their conversation with /agent.'),
  models: z
    .array(z.string().min(1).max(200))
    .max(50)
    .default([])
    .describe('Models that people may choose for their conversation with /model.'),
  routes: z.array(channelRoute).max(200).default([]).describe('Rules of this channel.'),
  session: z
    .strictObject({
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,64}$/)
        .optional()
        .describe('First part of the keys of its conversations; the platform when left out.'),
      ttl: secondsOrDuration
        .optional()
        .describe('A conversation that rests for this long begins anew. A number counts as seconds.'),
    })
    .prefault({}),
  busy: z
    .enum(['collect', 'followup', 'interrupt'])
    .default('collect')
    .describe(
      'What is written while an answer is in progress: becomes one turn after it (collect), a turn for each (followup), or ends the answer (interrupt).',
    ),
  quiet: durationMs
    .default(500)
    .describe('collect: nothing more has to come for this long before those waiting become a turn.'),
  debounce: durationMs.default(0).describe('Waits this long for more also when no answer is in progress.'),
  access: channelAccess,
  files: z
    .strictObject({
      read: z
        .boolean()
        .default(true)
        .describe('Fetch the files that people send, and show them to the agent.'),
      maxBytes: z
        .int()
        .min(1)
        .max(mostFileBytes)
        .default(mostFileBytes)
        .describe('Larger files are not fetched, and the agent is told so. At most 16 MiB.'),
      perMessage: z.int().min(1).max(50).default(10).describe('So many files of one message are fetched.'),
    })
    .prefault({}),
  typing: z.boolean().default(true).describe('Show "typing" while the agent works.'),
  replies: z
    .strictObject({
      preview: z
        .enum(['auto', 'on', 'off'])
        .default('auto')
        .describe(
          'Show an answer while it is written. auto: in direct messages where the platform has a way of its own for it; on: everywhere, where need be by a message that is edited; off: nowhere.',
        ),
      tools: z
        .boolean()
        .default(false)
        .describe('The preview names the tool that is being used. Everybody in the chat sees that name.'),
    })
    .prefault({})
    .describe('How answers are shown.'),
};
