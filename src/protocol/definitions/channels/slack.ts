import { z } from 'zod';
import { sharedChannelFields } from './shared.ts';

/** A Slack app in a workspace. */
export const slackChannel = z.strictObject({
  ...sharedChannelFields,
  platform: z.literal('slack').describe('The chat platform.'),
  botToken: z.string().min(1).describe('Bot token (xoxb-…); use ${SLACK_BOT_TOKEN} rather than the value.'),
  mode: z
    .enum(['events', 'socket'])
    .default('events')
    .describe('events: Slack calls a public address. socket: a connection out, which needs no address.'),
  signingSecret: z.string().min(8).optional().describe("The app's signing secret; needed in mode events."),
  appToken: z
    .string()
    .min(1)
    .optional()
    .describe('App-level token (xapp-…) with the scope connections:write; needed in mode socket.'),
  account: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional()
    .describe(
      'Name of this account in session keys and approvers, such as the workspace id. Left out: the numbers in the bot token, else the name of the channel.',
    ),
  apiBase: z
    .url()
    .default('https://slack.com/api')
    .describe('Address of the Web API; another one for a test server.'),
});

export type SlackChannelSpec = z.output<typeof slackChannel>;
