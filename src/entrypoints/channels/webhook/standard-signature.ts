import { createPublicKey, verify } from 'node:crypto';
import type { RawWebhook } from '../channel-adapter.ts';
import { checkHmac } from './check-hmac.ts';
import { isNear } from './is-near.ts';

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const symmetric = 'whsec_';
const asymmetric = 'whpk_';

/** The bytes that a secret of Standard Webhooks stands for: base64 behind `whsec_`, else the text itself. */
function standardKey(secret: string): Uint8Array {
  return secret.startsWith(symmetric)
    ? Buffer.from(secret.slice(symmetric.length), 'base64')
    : Buffer.from(secret);
}

/** Why a secret cannot be used; `undefined`: it can. */
export function standardSecretFault(secret: string): string | undefined {
  const bytes = secret.startsWith(asymmetric)
    ? Buffer.from(secret.slice(asymmetric.length), 'base64').length
    : standardKey(secret).length;
  if (secret.startsWith(asymmetric))
    return bytes === 32 ? undefined : 'expected the base64 of 32 bytes behind whpk_';
  return bytes >= 24 ? undefined : 'expected at least 24 bytes';
}

/** Standard Webhooks 1.0: `v1` with each secret, `v1a` with each public key (`whpk_…`). */
export function verifyStandardSignature(
  raw: RawWebhook,
  secrets: readonly string[],
  time: { readonly nowMs: number; readonly tolerance: number },
): boolean {
  const header = (name: string): string | undefined =>
    raw.headers[`webhook-${name}`] ?? raw.headers[`svix-${name}`];
  const id = header('id');
  const stamp = header('timestamp');
  if (id === undefined || id === '' || stamp === undefined || !isNear(stamp, time)) return false;
  const sent = (header('signature') ?? '').split(' ');
  const of = (version: string): readonly string[] =>
    sent.filter((one) => one.startsWith(`${version},`)).map((one) => one.slice(version.length + 1));
  const signed = [`${id}.${stamp}.`, raw.body];
  const keys = secrets.filter((secret) => !secret.startsWith(asymmetric)).map(standardKey);
  if (checkHmac({ algorithm: 'sha256', encoding: 'base64', signed, signatures: of('v1') }, keys)) return true;
  const bytes = Buffer.concat([Buffer.from(`${id}.${stamp}.`), raw.body]);
  return secrets
    .filter((secret) => secret.startsWith(asymmetric))
    .some((secret) => of('v1a').some((signature) => isSignedBy(secret, bytes, signature)));
}

function isSignedBy(publicKey: string, bytes: Uint8Array, signature: string): boolean {
  const key = Buffer.from(publicKey.slice(asymmetric.length), 'base64');
  const given = Buffer.from(signature, 'base64');
  if (key.length !== 32 || given.length !== 64) return false;
  const spki = createPublicKey({ key: Buffer.concat([spkiPrefix, key]), format: 'der', type: 'spki' });
  return verify(null, bytes, spki, given);
}
