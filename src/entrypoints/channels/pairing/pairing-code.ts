import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';

/** What a code is bound to. */
export interface CodeBinding {
  readonly platform: string;
  readonly accountId: string;
  readonly userId: string;
  /** A code that an operator approves is worth nothing in a chat, and the other way round. */
  readonly purpose: 'request' | 'invitation';
}

const codeForm = /^\d{6}$/;

/** Six digits that nobody can foresee. */
export function newPairingCode(): string {
  return randomInt(1_000_000).toString().padStart(6, '0');
}

/** What a person typed as six digits, or `undefined`; blanks and hyphens between them do not count. */
export function readPairingCode(text: string): string | undefined {
  const digits = text.replaceAll(/[\s-]/g, '');
  return codeForm.test(digits) ? digits : undefined;
}

/** What is kept of a code. The parts have their lengths before them, so that none can reach into the next. */
export function hashPairingCode(secret: string, code: string, binding: CodeBinding): string {
  const { platform, accountId, userId, purpose } = binding;
  const parts = ['pairing', purpose, platform, accountId, userId, code];
  return createHmac('sha256', secret)
    .update(parts.map((part) => `${part.length}:${part}`).join(''))
    .digest('base64url');
}

/** In the same time wherever they differ. */
export function sameHash(one: string, two: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(two)];
  return a.length === b.length && timingSafeEqual(a, b);
}
