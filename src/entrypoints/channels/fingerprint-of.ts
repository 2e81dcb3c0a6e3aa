import { createHash } from 'node:crypto';
import { canonicalJson } from '../../base/index.ts';
import type { ProgramMessage } from './channel-adapter.ts';

/** The same for the same message: a digest of all that its sender said. */
export function fingerprintOf(message: ProgramMessage): string {
  return createHash('sha256').update(canonicalJson(message)).digest('base64url');
}
