import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { RedisBus, RedisStreams } from '../../../src/platform/bus/index.ts';
import { createRedis, createRedisSubscriber } from '../../../src/platform/redis/index.ts';
import { busContract } from '../../../src/testing/contracts/bus-contract.ts';
import { streamContract } from '../../../src/testing/contracts/stream-contract.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../../src/testing/test-redis.ts';
import { describe, it } from 'vitest';
import { openCutLine } from './cut-line.ts';

if (await redisAvailable()) {
  busContract('Redis', async () => {
    const { prefix, remove } = createTestPrefix();
    const line = await openCutLine(testRedisUrl);
    const open = (url: string) =>
      new RedisBus({
        clock,
        logger,
        prefix,
        redis: createRedis(url, { clock, logger }),
        subscriber: createRedisSubscriber(url, { clock, logger }),
      });
    return {
      bus: open(line.url),
      peer: open(testRedisUrl),
      cut: line.cut,
      remove: async () => {
        await line.block();
        await remove();
      },
    };
  });

  streamContract('Redis', async () => {
    const { prefix, remove } = createTestPrefix();
    const line = await openCutLine(testRedisUrl);
    const open = (url: string) =>
      new RedisStreams({ clock, logger, redis: createRedis(url, { clock, logger }) });
    return {
      streams: open(line.url),
      peer: open(testRedisUrl),
      prefix,
      keepsWithoutGroup: true,
      countsGivenBack: true,
      cut: line.cut,
      block: line.block,
      restore: line.restore,
      remove: async () => {
        await line.block();
        await remove();
      },
    };
  });
} else {
  describe('bus and streams on Redis', () => {
    it.skip(`Redis is not reachable at ${testRedisUrl}`, () => {});
  });
}
