import { createHash } from 'node:crypto';
import type { RedisScript } from './redis-client.ts';

/** A script with its digest. */
export function defineScript(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
