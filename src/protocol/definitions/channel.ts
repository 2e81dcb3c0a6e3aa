import { z } from 'zod';
import type { RunTarget } from '../run.ts';
import { discordChannel } from './channels/discord.ts';
import { restChannel } from './channels/rest.ts';
import { slackChannel } from './channels/slack.ts';
import { telegramChannel } from './channels/telegram.ts';
import { whatsappChannel } from './channels/whatsapp.ts';
import { webhookChannel } from './channels/webhook.ts';
import { definitionVersion, metadata } from './metadata.ts';

export type { RestChannelSpec } from './channels/rest.ts';
export type { WebhookChannelSpec, WebhookSignature } from './channels/webhook.ts';

const channelSpec = z.discriminatedUnion('platform', [
  telegramChannel,
  discordChannel,
  slackChannel,
  whatsappChannel,
  webhookChannel,
  restChannel,
]);

/** `kind: Channel`. */
export const channelDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Channel'),
    metadata,
    spec: channelSpec,
  })
  .describe('An account on a chat platform, or another door, through which agents are reached.');

export type ChannelDefinition = z.output<typeof channelDefinition>;
export type ChannelSpec = z.output<typeof channelSpec>;
/** The definition of a channel of one platform. */
export type ChannelDefinitionOf<Platform extends ChannelSpec['platform']> = Omit<
  ChannelDefinition,
  'spec'
> & {
  readonly spec: Extract<ChannelSpec, { platform: Platform }>;
};

/** What answers by default through a channel; `undefined` where it only publishes, or names its targets one by one. */
export function defaultTargetOf(spec: ChannelSpec): RunTarget | undefined {
  if (spec.agent !== undefined) return { kind: 'agent', name: spec.agent };
  if ('team' in spec && spec.team !== undefined) return { kind: 'team', name: spec.team };
  if ('workflow' in spec && spec.workflow !== undefined) return { kind: 'workflow', name: spec.workflow };
  return undefined;
}
