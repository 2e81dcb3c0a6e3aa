import { describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../src/base/index.ts';
import { createRedisAnswerStore } from '../../src/capabilities/models/index.ts';
import { createRedis } from '../../src/platform/redis/index.ts';
import { answerStoreContract } from '../../src/testing/contracts/index.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../src/testing/test-redis.ts';

const available = await redisAvailable();

describe.skipIf(!available)('with Redis', () => {
  answerStoreContract('Redis', async () => {
    const redis = createRedis(testRedisUrl, { logger, clock });
    await redis.start();
    const { prefix, remove } = createTestPrefix();
    return {
      store: createRedisAnswerStore({ redis, clock, logger, prefix }),
      clock,
      pass: (milliseconds) => clock.sleep(milliseconds),
      close: async () => {
        await redis.stop();
        await remove();
      },
    };
  });
});

it('a Redis that is away knows nothing, and stops nobody', async () => {
  const redis = createRedis('redis://127.0.0.1:1', { logger, clock });
  const store = createRedisAnswerStore({ redis, clock, logger });
  store.set('t', 'k', {
    answer: {
      deployment: 'd',
      group: 'g',
      provider: 'p',
      model: 'm',
      usage: { inputTokens: 1, outputTokens: 1, costUsd: null },
      kind: 'events',
      events: [],
    },
    storedMs: clock.now(),
    expiresMs: clock.now() + 1000,
  });
  expect(await store.get('t', 'k', AbortSignal.timeout(1000))).toBeUndefined();
  await expect(store.clear('t')).rejects.toThrow();
});
