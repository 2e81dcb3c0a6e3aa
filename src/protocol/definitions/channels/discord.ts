import { z } from 'zod';
import { sharedChannelFields } from './shared.ts';

const snowflake = z.string().regex(/^\d{5,25}$/, 'expected an id of digits, in quotation marks');

/** A Discord application and its bot. */
export const discordChannel = z.strictObject({
  ...sharedChannelFields,
  platform: z.literal('discord').describe('The chat platform.'),
  applicationId: snowflake.describe('Application id of the developer portal, in quotation marks.'),
  publicKey: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'expected the public key of the developer portal: 64 hexadecimal digits')
    .optional()
    .describe('Public key of the application; needed where Discord calls the interactions endpoint.'),
  token: z.string().min(1).describe('Bot token; use ${DISCORD_BOT_TOKEN} rather than the value.'),
  mode: z
    .enum(['gateway', 'interactions', 'both'])
    .default('gateway')
    .describe(
      'gateway: messages and commands over a connection of our own; interactions: commands and buttons by calls of Discord; both.',
    ),
  intents: z
    .array(z.enum(['guilds', 'guildMessages', 'directMessages', 'messageContent']))
    .default(['guilds', 'guildMessages', 'directMessages', 'messageContent'])
    .describe('What the gateway sends. messageContent has to be switched on in the developer portal too.'),
  guilds: z
    .array(snowflake)
    .optional()
    .describe('Only these servers, beside direct messages. Left out: every server; an empty list: none.'),
  ephemeral: z
    .boolean()
    .default(false)
    .describe('Only the person who sent a slash command or pressed a button sees the answer to it.'),
  registerCommands: z
    .boolean()
    .default(true)
    .describe('Register the slash commands at start. Other commands of the application are left alone.'),
  apiBase: z
    .url()
    .default('https://discord.com/api/v10')
    .describe('Address of the REST API with its version.'),
  gatewayUrl: z
    .url()
    .optional()
    .describe('Address of the gateway (wss://…); Discord is asked for it when left out.'),
});
