import { createHmac } from 'node:crypto';
import type { WebhookChannelSpec } from '../../../protocol/index.ts';

/** How posts are signed, and what is sent along. */
export type Signing = Pick<NonNullable<WebhookChannelSpec['reply']>, 'secret' | 'hmac' | 'headers'>;

const symmetric = 'whsec_';

/** Base64 behind `whsec_`, else the text itself. */
function keyOf(secret: string): Uint8Array {
  return secret.startsWith(symmetric)
    ? Buffer.from(secret.slice(symmetric.length), 'base64')
    : Buffer.from(secret);
}

/**
 * Headers of a post: those of the definition, and over them Standard Webhooks with a signature for each secret, and one
 * more HMAC where it is wanted. `id` is the same however often it is tried.
 */
export function signPost(
  { secret, hmac, headers }: Signing,
  post: { readonly id: string; readonly body: string; readonly nowMs: number },
): Record<string, string> {
  const { id, body, nowMs } = post;
  const stamp = String(Math.floor(nowMs / 1000));
  const signatures = (secret ?? []).map((one) => {
    const digest = createHmac('sha256', keyOf(one)).update(`${id}.${stamp}.${body}`).digest('base64');
    return `v1,${digest}`;
  });
  return {
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    ...(hmac === undefined
      ? {}
      : {
          [hmac.header.toLowerCase()]:
            hmac.prefix + createHmac(hmac.algorithm, hmac.secret).update(body).digest(hmac.encoding),
        }),
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': stamp,
    ...(signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') }),
  };
}
