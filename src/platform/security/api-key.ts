import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { AppError } from '../../base/index.ts';

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Digits that 256 bits need in base 62. */
const secretLength = 43;
const checksumLength = 6;
const generated = /^a33_([0-9A-Za-z]{8})_([0-9A-Za-z]{49})$/;
const operatorGiven = /^a33_[\w-]{20,252}$/;

/** What every key begins with, so that secret scanners and the authenticator know one when they see it. */
export const apiKeyPrefix = 'a33_';

function base62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest /= 62n) text = digits.charAt(Number(rest % 62n)) + text;
  return text;
}

function checksum(text: string): string {
  let digest = '';
  // 32 bits need no big numbers.
  for (let rest = crc32(text); digest.length < checksumLength; rest = Math.floor(rest / 62))
    digest = digits.charAt(rest % 62) + digest;
  return digest;
}

/** SHA-256 of a key: all that is ever stored of it. */
export function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** A fresh key `a33_<8 characters to look it up by>_<256 random bits><checksum>`. */
export function mintApiKey(): string {
  const lookup = base62(BigInt(`0x${randomBytes(8).toString('hex')}`), 8);
  const secret = base62(BigInt(`0x${randomBytes(32).toString('hex')}`), secretLength);
  const body = `${apiKeyPrefix}${lookup}_${secret}`;
  return body + checksum(body);
}

/**
 * The public part by which a key is found; `undefined` for a text that is no key. A key that an operator made up
 * (`a33_` and 20 characters or more) has no such part: it is found by a piece of its digest.
 */
export function lookupOf(key: string): string | undefined {
  const lookup = generated.exec(key)?.[1];
  if (lookup !== undefined) {
    return checksum(key.slice(0, -checksumLength)) === key.slice(-checksumLength) ? lookup : undefined;
  }
  return operatorGiven.test(key) ? `sha256:${digestOf(key).toString('hex', 0, 8)}` : undefined;
}

/** As `lookupOf` for a key given by the operator. Error: `invalid_config`. */
export function requireLookup(key: string): string {
  const lookup = lookupOf(key);
  if (lookup !== undefined) return lookup;
  throw new AppError(
    'invalid_config',
    'AGENT33_BOOTSTRAP_KEY: expected "a33_" followed by 20 to 252 letters, digits, "-" or "_" (or a complete generated key)',
  );
}

/** First characters of a key, to recognise it by in lists. */
export function hintOf(lookup: string): string {
  return lookup.startsWith('sha256:') ? `${apiKeyPrefix}…` : `${apiKeyPrefix}${lookup}_…`;
}
