import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RawWebhook } from '../channel-adapter.ts';

const longestSkewSeconds = 300;

/**
 * True when Slack has signed the call with this secret within five minutes (or `toleranceSeconds`) of now, before or after. Constant time, over
 * the raw bytes.
 */
export function verifySlackSignature(
  raw: RawWebhook,
  secret: string | undefined,
  nowMs: number,
  toleranceSeconds = longestSkewSeconds,
): boolean {
  const stamp = raw.headers['x-slack-request-timestamp'];
  const given = raw.headers['x-slack-signature'];
  if (secret === undefined || secret === '' || stamp === undefined || given === undefined) return false;
  if (!/^\d{1,12}$/.test(stamp)) return false;
  if (Math.abs(nowMs / 1000 - Number(stamp)) > toleranceSeconds) return false;
  const expected = createHmac('sha256', secret).update(`v0:${stamp}:`).update(raw.body).digest('hex');
  // Over digests of the same key, so that strings of any length compare in constant time.
  const digest = (text: string): Buffer => createHmac('sha256', secret).update(text).digest();
  return timingSafeEqual(digest(given), digest(`v0=${expected}`));
}
