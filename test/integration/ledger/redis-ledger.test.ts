import { describe } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { createRedisLedger } from '../../../src/capabilities/accounting/index.ts';
import { createRedis } from '../../../src/platform/redis/index.ts';
import { PgliteStorage } from '../../../src/platform/storage/index.ts';
import { ledgerContract } from '../../../src/testing/contracts/ledger-contract.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../../src/testing/test-redis.ts';

const windowMs = 1200;

describe.skipIf(!(await redisAvailable()))('Redis (skipped when no server answers)', () => {
  ledgerContract(
    'Redis',
    async () => {
      const { prefix, remove } = createTestPrefix();
      const storage = new PgliteStorage({ folder: undefined, clock, logger, migrate: true });
      await storage.start();
      const redis = createRedis(testRedisUrl, { clock, logger });
      await redis.start();
      return {
        create: () => createRedisLedger({ redis, storage, clock, logger, prefix, windowMs }),
        windowMs,
        now: async () => {
          const [seconds = '0', micros = '0'] = (await redis.command('TIME', [])) as string[];
          return Number(seconds) * 1000 + Number(micros) / 1000;
        },
        dispose: async () => {
          await redis.stop();
          await storage.stop();
          await remove();
        },
      };
    },
    { isShared: true, isKept: true },
  );
});
