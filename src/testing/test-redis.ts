import { randomBytes } from 'node:crypto';
import { silentLogger as logger, systemClock as clock } from '../base/index.ts';
import { createRedis } from '../platform/redis/index.ts';

/** Address of the Redis for tests; `TEST_REDIS_URL` names another than the local one. */
export const testRedisUrl = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';

/** Is the Redis for tests there? */
export async function redisAvailable(): Promise<boolean> {
  const redis = createRedis(testRedisUrl, { logger, clock });
  try {
    await redis.start();
    return (await redis.health(AbortSignal.timeout(2000))).status !== 'down';
  } catch {
    return false;
  } finally {
    await redis.stop();
  }
}

/** A prefix for the keys of one test run; remove them when done. */
export function createTestPrefix(): { readonly prefix: string; remove(): Promise<void> } {
  const prefix = `a33test:${process.pid}:${randomBytes(4).toString('hex')}:`;
  return {
    prefix,
    remove: async () => {
      const redis = createRedis(testRedisUrl, { logger, clock });
      await redis.start();
      let cursor = '0';
      do {
        const reply = await redis.command('SCAN', [cursor, 'MATCH', `${prefix}*`, 'COUNT', 1000]);
        const [next, keys] = reply as [string, string[]];
        cursor = next;
        if (keys.length > 0) await redis.command('UNLINK', keys);
      } while (cursor !== '0');
      await redis.stop();
    },
  };
}
