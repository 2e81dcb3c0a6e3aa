export { FakeSlack } from './fake-slack.ts';
export type { SlackDelivery, SlackFault } from './fake-slack.ts';
export { signedSlackHeaders, type SlackUserMessage } from './slack-payloads.ts';
export type { SentSlackMessage } from './slack-post.ts';
export { FakeTelegram } from './fake-telegram.ts';
export type { SentMessage, ShownDraft, TelegramFault, UserMessage } from './fake-telegram.ts';
export { createDirectEgress } from './direct-egress.ts';
export { FakeDiscord } from './fake-discord.ts';
export type { DiscordFault, DiscordMessage, DiscordUserMessage, SignedCall } from './discord-types.ts';
