import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RawWebhook, WebhookReply } from '../channel-adapter.ts';

const signature = /^sha256=([0-9a-f]{64})$/i;
const longestChallenge = 500;

/** True when Meta has signed the call with the app's secret. Constant time, over the raw bytes. */
export function verifyWhatsAppSignature(raw: RawWebhook, appSecret: string): boolean {
  const given = signature.exec(raw.headers['x-hub-signature-256'] ?? '')?.[1];
  if (appSecret === '' || given === undefined) return false;
  const expected = createHmac('sha256', appSecret).update(raw.body).digest();
  return timingSafeEqual(Buffer.from(given, 'hex'), expected);
}

/** Answers Meta's check of the address: with its challenge where it knows our word, else 403. */
export function answerWhatsAppChallenge(raw: RawWebhook, verifyToken: string): WebhookReply | undefined {
  if (raw.method !== 'GET') return undefined;
  const { 'hub.mode': mode, 'hub.verify_token': token = '', 'hub.challenge': challenge = '' } = raw.query;
  const isKnown = sameText(token, verifyToken);
  if (mode !== 'subscribe' || !isKnown || challenge === '' || challenge.length > longestChallenge)
    return { status: 403 };
  return { status: 200, contentType: 'text/plain; charset=utf-8', body: challenge };
}

/** Over digests, so that texts of any length compare in constant time. */
function sameText(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHmac('sha256', 'same text').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
