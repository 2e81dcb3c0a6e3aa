import { z } from 'zod';
import { durationMs } from '../metadata.ts';
import { sharedChannelFields } from './shared.ts';

/** A Telegram bot. */
export const telegramChannel = z.strictObject({
  ...sharedChannelFields,
  platform: z.literal('telegram').describe('The chat platform.'),
  token: z.string().min(1).describe('Bot token; use ${TELEGRAM_BOT_TOKEN} rather than the value.'),
  mode: z.enum(['polling', 'webhook']).default('polling'),
  apiBase: z
    .url()
    .default('https://api.telegram.org')
    .describe('Address of the Bot API; another one for a self-hosted or test server.'),
  webhook: z
    .strictObject({
      secret: z
        .string()
        .regex(/^[A-Za-z0-9_-]{16,256}$/)
        .describe('Secret token that the platform sends with each update.'),
      url: z
        .url()
        .optional()
        .describe('Public address; when given, it is registered with the platform at start.'),
    })
    .optional()
    .describe('Settings of webhook mode.'),
  rich: z
    .enum(['auto', 'off'])
    .default('off')
    .describe(
      'auto: answers with tables, formulas or task lists are sent as rich messages, which some clients cannot show.',
    ),
  pollTimeout: durationMs.default(30_000).describe('Long-poll time.'),
});

export type TelegramChannelSpec = z.output<typeof telegramChannel>;
