import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../base/index.ts';

/** A short text that differs for different values; it does not lead back to what it was made from. */
export const fingerprintOf = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('base64url');
