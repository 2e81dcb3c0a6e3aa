import { createHmac, timingSafeEqual } from 'node:crypto';

/** An HMAC over bytes, as somebody says it is. */
export interface ClaimedHmac {
  readonly algorithm: 'sha256' | 'sha1' | 'sha512';
  readonly encoding: 'hex' | 'base64';
  /** The signed bytes, piece by piece. */
  readonly signed: readonly (string | Uint8Array)[];
  /** Each that was sent; one right one is enough. */
  readonly signatures: readonly string[];
}

/** The bytes of a signature; none of anything but exactly its text, so that nothing beside it passes. */
function bytesOf(signature: string, encoding: ClaimedHmac['encoding']): Buffer {
  const bytes = Buffer.from(signature, encoding);
  const whole = bytes.toString(encoding);
  const forms = encoding === 'hex' ? [whole.toUpperCase()] : [whole.replace(/=+$/, '')];
  return [whole, ...forms].includes(signature) ? bytes : Buffer.alloc(0);
}

/** True when one of the signatures is made with one of the keys. Each pair is compared in constant time. */
export function checkHmac(claimed: ClaimedHmac, keys: readonly (string | Uint8Array)[]): boolean {
  const { algorithm, encoding } = claimed;
  const given = claimed.signatures.map((signature) => bytesOf(signature, encoding));
  return keys.some((key) => {
    const hmac = createHmac(algorithm, key);
    for (const piece of claimed.signed) hmac.update(piece);
    const expected = hmac.digest();
    return given.some((bytes) => bytes.length === expected.length && timingSafeEqual(bytes, expected));
  });
}
