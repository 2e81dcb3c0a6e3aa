import { z } from 'zod';
import { discordChannel } from './channels/discord.ts';
import { slackChannel } from './channels/slack.ts';
import { telegramChannel } from './channels/telegram.ts';
import { whatsappChannel } from './channels/whatsapp.ts';
import { definitionVersion, metadata } from './metadata.ts';

const channelSpec = z.discriminatedUnion('platform', [
  telegramChannel,
  discordChannel,
  slackChannel,
  whatsappChannel,
]);

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
/** The definition of a channel of one platform. */
export type ChannelDefinitionOf<Platform extends ChannelSpec['platform']> = Omit<
  ChannelDefinition,
  'spec'
> & {
  readonly spec: Extract<ChannelSpec, { platform: Platform }>;
};
