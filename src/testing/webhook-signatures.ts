import { createHmac, sign, type KeyObject } from 'node:crypto';

type Headers = Readonly<Record<string, string>>;
type Sign = (body: string, secret: string, nowMs: number) => Headers;

const hmac = (algorithm: string, secret: string | Uint8Array, text: string) =>
  createHmac(algorithm, secret).update(text);
const seconds = (nowMs: number): string => String(Math.floor(nowMs / 1000));

/** The bytes of a secret of Standard Webhooks. */
const standardKey = (secret: string): string | Uint8Array =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;

/** Headers as services sign their calls, by the scheme of a webhook channel. */
export const signWebhook = {
  github: (body, secret) => ({
    'x-hub-signature-256': `sha256=${hmac('sha256', secret, body).digest('hex')}`,
  }),
  shopify: (body, secret) => ({ 'x-shopify-hmac-sha256': hmac('sha256', secret, body).digest('base64') }),
  gitlab: (_body, secret) => ({ 'x-gitlab-token': secret }),
  stripe: (body, secret, nowMs) => {
    const stamp = seconds(nowMs);
    const old = hmac('sha256', 'the secret of before', `${stamp}.${body}`).digest('hex');
    const signature = hmac('sha256', secret, `${stamp}.${body}`).digest('hex');
    return { 'stripe-signature': `t=${stamp},v1=${old},v1=${signature},v0=00` };
  },
  slack: (body, secret, nowMs) => {
    const stamp = seconds(nowMs);
    return {
      'x-slack-request-timestamp': stamp,
      'x-slack-signature': `v0=${hmac('sha256', secret, `v0:${stamp}:${body}`).digest('hex')}`,
    };
  },
  standard: (body, secret, nowMs) => {
    const stamp = seconds(nowMs);
    const signature = hmac('sha256', standardKey(secret), `msg_1.${stamp}.${body}`).digest('base64');
    return {
      'webhook-id': 'msg_1',
      'webhook-timestamp': stamp,
      'webhook-signature': `v1,AAAA v1,${signature}`,
    };
  },
  token: (_body, secret) => ({ authorization: `Bearer ${secret}` }),
  basic: (_body, secret) => ({
    authorization: `Basic ${Buffer.from(`hook:${secret}`).toString('base64')}`,
  }),
} as const satisfies Readonly<Record<string, Sign>>;

/** Standard Webhooks with a private key. */
export function signStandardWith(key: KeyObject, body: string, nowMs: number): Headers {
  const stamp = seconds(nowMs);
  const signature = sign(null, Buffer.from(`msg_1.${stamp}.${body}`), key).toString('base64');
  return { 'webhook-id': 'msg_1', 'webhook-timestamp': stamp, 'webhook-signature': `v1a,${signature}` };
}
