import type { ChannelAdapterFactory } from './channel-adapter.ts';
import { createSlackAdapter } from './slack/slack-adapter.ts';
import { createTelegramAdapter } from './telegram/telegram-adapter.ts';

/** Platforms that come with the product. */
export const builtInChannels: Readonly<Record<string, ChannelAdapterFactory>> = {
  slack: createSlackAdapter,
  telegram: createTelegramAdapter,
};
