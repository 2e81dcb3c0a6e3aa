export { FakeTelegram } from './fake-telegram.ts';
export type { SentMessage, TelegramFault, UserMessage } from './fake-telegram.ts';
export { createDirectEgress } from './direct-egress.ts';
export { FakeDiscord } from './fake-discord.ts';
export type { DiscordFault, DiscordMessage, DiscordUserMessage, SignedCall } from './discord-types.ts';
