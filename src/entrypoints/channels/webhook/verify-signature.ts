import type { WebhookSignature } from '../../../protocol/index.ts';
import type { RawWebhook } from '../channel-adapter.ts';
import { verifySlackSignature } from '../slack/verify-signature.ts';
import { checkHmac } from './check-hmac.ts';
import { equalSecrets } from './equal-secrets.ts';
import { isNear } from './is-near.ts';
import { standardSecretFault, verifyStandardSignature } from './standard-signature.ts';

type SignatureOf<Scheme extends WebhookSignature['scheme']> = Extract<WebhookSignature, { scheme: Scheme }>;

/** Did the sender make this call? Over the raw bytes, in constant time, with each of the secrets that count. */
export function verifyWebhookSignature(raw: RawWebhook, signature: WebhookSignature, nowMs: number): boolean {
  const header = (name: string): string => raw.headers[name] ?? '';
  switch (signature.scheme) {
    case 'github':
      return checkHmac(
        {
          algorithm: 'sha256',
          encoding: 'hex',
          signed: [raw.body],
          signatures: behind('sha256=', header('x-hub-signature-256')),
        },
        signature.secret,
      );
    case 'shopify':
      return checkHmac(
        {
          algorithm: 'sha256',
          encoding: 'base64',
          signed: [raw.body],
          signatures: [header('x-shopify-hmac-sha256')],
        },
        signature.secret,
      );
    case 'gitlab':
      return isOneOf(header('x-gitlab-token'), signature.secret);
    case 'stripe':
      return verifyStripe(raw, signature, nowMs);
    case 'slack':
      return signature.secret.some((secret) =>
        verifySlackSignature(raw, secret, nowMs, signature.tolerance / 1000),
      );
    case 'standard':
      return verifyStandardSignature(raw, signature.secret, { nowMs, tolerance: signature.tolerance });
    case 'hmac':
      return verifyHmac(raw, signature, nowMs);
    case 'token': {
      const given = header(signature.header);
      const token =
        signature.header === 'authorization' ? (/^Bearer +(\S+) *$/i.exec(given)?.[1] ?? '') : given;
      return isOneOf(token, signature.secret);
    }
    case 'basic': {
      const encoded = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header('authorization'))?.[1] ?? '';
      const given = Buffer.from(encoded, 'base64').toString();
      return isOneOf(
        given,
        signature.secret.map((password) => `${signature.username}:${password}`),
      );
    }
    case 'none':
      return true;
    default:
      return false;
  }
}

/** Why the secrets of a scheme cannot be used; `undefined`: they can. */
export function signatureFault(signature: WebhookSignature): string | undefined {
  return signature.scheme === 'standard'
    ? signature.secret.map(standardSecretFault).find((fault) => fault !== undefined)
    : undefined;
}

/** Headers that hold secrets and are left out of what is worked on. */
export function secretHeaders(signature: WebhookSignature): readonly string[] {
  const always = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'x-gitlab-token'];
  return signature.scheme === 'token' ? [...always, signature.header] : always;
}

function isOneOf(given: string, secrets: readonly string[]): boolean {
  return given !== '' && secrets.some((secret) => equalSecrets(given, secret));
}

function behind(prefix: string, text: string): readonly string[] {
  return text.startsWith(prefix) ? [text.slice(prefix.length)] : [];
}

/** `t=TIME,v1=HEX,v1=HEX`: several while the sender exchanges its secret. */
function verifyStripe(raw: RawWebhook, signature: SignatureOf<'stripe'>, nowMs: number): boolean {
  const parts = (raw.headers['stripe-signature'] ?? '').split(',').map((part) => part.trim());
  const stamp = parts.flatMap((part) => behind('t=', part))[0] ?? '';
  if (!isNear(stamp, { nowMs, tolerance: signature.tolerance })) return false;
  const signatures = parts.flatMap((part) => behind('v1=', part));
  return checkHmac(
    { algorithm: 'sha256', encoding: 'hex', signed: [`${stamp}.`, raw.body], signatures },
    signature.secret,
  );
}

function verifyHmac(raw: RawWebhook, signature: SignatureOf<'hmac'>, nowMs: number): boolean {
  const { header, prefix, timestampHeader, template, tolerance, algorithm, encoding } = signature;
  const stamp = timestampHeader === undefined ? '' : (raw.headers[timestampHeader] ?? '');
  if (timestampHeader !== undefined && !isNear(stamp, { nowMs, tolerance })) return false;
  const signed = template.split(/(\{(?:body|timestamp|header:[A-Za-z0-9_-]+)\})/).map((piece) => {
    if (piece === '{body}') return raw.body;
    if (piece === '{timestamp}') return stamp;
    const named = /^\{header:(.+)\}$/.exec(piece)?.[1];
    return named === undefined ? piece : (raw.headers[named.toLowerCase()] ?? '');
  });
  const signatures = behind(prefix, raw.headers[header] ?? '');
  return checkHmac({ algorithm, encoding, signed, signatures }, signature.secret);
}
