import { afterEach, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { createRedis } from '../../../src/platform/redis/index.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/create-test-app.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../../src/testing/test-redis.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** Skipped when no Redis answers. */
it.skipIf(!(await redisAvailable()))(
  'every key in Redis begins with REDIS_PREFIX',
  { timeout: 60_000 },
  async () => {
    const { prefix, remove } = createTestPrefix();
    stops.push(remove);
    const app: TestApp = await createMemoryApp({
      env: { REDIS_URL: testRedisUrl, REDIS_PREFIX: prefix },
      files: {
        'agent33.yaml': `apiVersion: agent33/v1
kind: Project
metadata: { name: test }
spec:
  models:
    default: fake/model
    limits: [{ subject: tenant, rpm: 100 }]
    cache: { exact: { ttl: 1m } }
`,
      },
    });
    stops.push(() => app.stop());
    const body = { model: 'fake/model', messages: [{ role: 'user', content: 'hello' }] };
    const answer = await app.request('POST', '/v1/chat/completions', body);
    expect(answer.status).toBe(200);
    await answer.text();
    const redis = createRedis(testRedisUrl, { logger, clock });
    await redis.start();
    stops.push(() => redis.stop());
    const keys = async (): Promise<readonly string[]> => {
      const found: string[] = [];
      let cursor = '0';
      do {
        const [next, some] = (await redis.command('SCAN', [
          cursor,
          'MATCH',
          `${prefix}*`,
          'COUNT',
          1000,
        ])) as [string, string[]];
        cursor = next;
        found.push(...some);
      } while (cursor !== '0');
      return found;
    };
    await expect
      .poll(keys, { timeout: 5000 })
      .toEqual(
        expect.arrayContaining([
          expect.stringContaining(`${prefix}{ledger}:`) as string,
          expect.stringContaining(`${prefix}cache:`) as string,
        ]),
      );
  },
);
