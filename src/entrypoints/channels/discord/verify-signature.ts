import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { RawWebhook } from '../channel-adapter.ts';

/** What stands before the 32 bytes of an Ed25519 key in its DER form. */
const derPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const mostSkewMs = 300_000;

/** The application's public key, as the developer portal shows it in 64 hexadecimal digits. */
export function readPublicKey(hex: string): KeyObject {
  return createPublicKey({
    key: Buffer.concat([derPrefix, Buffer.from(hex, 'hex')]),
    format: 'der',
    type: 'spki',
  });
}

/** True when Discord signed this body, at most five minutes from now in either direction. */
export function verifyDiscordSignature(raw: RawWebhook, key: KeyObject, nowMs: number): boolean {
  const signature = raw.headers['x-signature-ed25519'] ?? '';
  const timestamp = raw.headers['x-signature-timestamp'] ?? '';
  if (!/^[0-9a-f]{128}$/i.test(signature) || !/^\d{1,13}$/.test(timestamp)) return false;
  if (Math.abs(Number(timestamp) * 1000 - nowMs) > mostSkewMs) return false;
  const signed = Buffer.concat([Buffer.from(timestamp, 'utf8'), raw.body]);
  return verify(null, signed, key, Buffer.from(signature, 'hex'));
}
