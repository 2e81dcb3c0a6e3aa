import { createHash, timingSafeEqual } from 'node:crypto';
import type { RawWebhook } from '../channel-adapter.ts';

/** True when a webhook call carries the secret that was registered with Telegram. Constant time in the secret. */
export function verifyTelegramSecret(raw: RawWebhook, secret: string | undefined): boolean {
  const given = raw.headers['x-telegram-bot-api-secret-token'];
  if (secret === undefined || secret === '' || given === undefined) return false;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
