import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { RedisBus, RedisStreams } from '../../../src/platform/bus/index.ts';
import { createRedis, createRedisSubscriber } from '../../../src/platform/redis/index.ts';
import { busContract } from '../../../src/testing/contracts/bus-contract.ts';
import { streamContract } from '../../../src/testing/contracts/stream-contract.ts';
import { TcpProxy } from '../../../src/testing/tcp-proxy.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../../src/testing/test-redis.ts';
import { describe, it } from 'vitest';

if (await redisAvailable()) {
  busContract('Redis', async () => {
    const { prefix, remove } = createTestPrefix();
    const proxy = await TcpProxy.start(testRedisUrl);
    const open = (url: string) =>
      new RedisBus({
        clock,
        logger,
        prefix,
        redis: createRedis(url, { clock, logger }),
        subscriber: createRedisSubscriber(url, { clock, logger }),
      });
    return {
      bus: open(proxy.through(testRedisUrl)),
      peer: open(testRedisUrl),
      cut: () => proxy.cut(),
      remove: async () => {
        await proxy.stop();
        await remove();
      },
    };
  });

  streamContract('Redis', async () => {
    const { prefix, remove } = createTestPrefix();
    const proxy = await TcpProxy.start(testRedisUrl);
    const open = (url: string) =>
      new RedisStreams({ clock, logger, redis: createRedis(url, { clock, logger }) });
    return {
      streams: open(proxy.through(testRedisUrl)),
      peer: open(testRedisUrl),
      prefix,
      keepsWithoutGroup: true,
      countsGivenBack: true,
      cut: () => proxy.cut(),
      block: () => proxy.block(),
      restore: () => proxy.restore(),
      remove: async () => {
        await proxy.stop();
        await remove();
      },
    };
  });
} else {
  describe('bus and streams on Redis', () => {
    it.skip(`Redis is not reachable at ${testRedisUrl}`, () => {});
  });
}
