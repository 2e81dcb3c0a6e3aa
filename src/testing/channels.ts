export { FakeTelegram } from './fake-telegram.ts';
export type { SentMessage, TelegramFault, UserMessage } from './fake-telegram.ts';
export { createDirectEgress } from './direct-egress.ts';
