import type { ChannelAdapterFactory } from './channel-adapter.ts';
import { createDiscordAdapter } from './discord/discord-adapter.ts';
import { createRestAdapter } from './rest/rest-adapter.ts';
import { createSlackAdapter } from './slack/slack-adapter.ts';
import { createTelegramAdapter } from './telegram/telegram-adapter.ts';
import { createWhatsAppAdapter } from './whatsapp/whatsapp-adapter.ts';
import { createWebhookAdapter } from './webhook/webhook-adapter.ts';

/** Platforms that come with the product. */
export const builtInChannels: Readonly<Record<string, ChannelAdapterFactory>> = {
  discord: createDiscordAdapter,
  rest: createRestAdapter,
  slack: createSlackAdapter,
  telegram: createTelegramAdapter,
  whatsapp: createWhatsAppAdapter,
  webhook: createWebhookAdapter,
};
