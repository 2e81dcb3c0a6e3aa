import { describe, expect, it } from 'vitest';
import { sql } from 'kysely';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { createRedisLedger, type Ledger } from '../../../src/capabilities/accounting/index.ts';
import { createRedis } from '../../../src/platform/redis/index.ts';
import { ledgerContract } from '../../../src/testing/contracts/ledger-contract.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../../src/testing/test-redis.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';

const windowMs = 1200;

describe.skipIf(!(await redisAvailable()))('Redis (skipped when no server answers)', () => {
  ledgerContract(
    'Redis',
    async () => {
      const { prefix, remove } = createTestPrefix();
      const storage = new MemoryStorage();
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

  describe('that forgets', () => {
    const signal = new AbortController().signal;
    const one = { key: 'tenant/t/tenant', limits: { budgets: [{ usd: 1, period: 'month' as const }] } };
    const two = { key: 'tenant/t/key:k', limits: { parallel: 2 } };
    const reservation = (id: string, usd: number) => ({
      id,
      subjects: [one, two],
      tokens: 5,
      usd,
      expiresAtMs: clock.now() + 600_000,
    });

    const ground = async () => {
      const { prefix, remove } = createTestPrefix();
      const storage = new MemoryStorage();
      await storage.start();
      const redis = createRedis(testRedisUrl, { clock, logger });
      await redis.start();
      const ledgers = [0, 1].map(() => createRedisLedger({ redis, storage, clock, logger, prefix }));
      for (const ledger of ledgers) await ledger.start();
      const [first, second] = ledgers;
      if (first === undefined || second === undefined) throw new Error('there are two');
      await first.reserve(reservation('spent', 0.3), { signal });
      first.settle('spent', { tokens: 5, usd: 0.3 });
      const stored = async () => {
        const rows = await storage.db.selectFrom('ledger_budgets').select('spent').execute();
        return rows[0]?.spent;
      };
      await expect.poll(stored).toBe(0.3e9);
      return {
        first,
        second,
        redis,
        prefix,
        storage,
        stored,
        async [Symbol.asyncDispose]() {
          for (const ledger of ledgers) await ledger.stop();
          await redis.stop();
          await storage.stop();
          await remove();
        },
        wipe: remove,
      };
    };
    const spent = async (ledger: Ledger) => (await ledger.use([one, two]))[0]?.budgets[0];

    it('knows again what was spent and what is under way, in every process', async () => {
      await using test = await ground();
      expect(await test.first.reserve(reservation('live-1', 0.2), { signal })).toBeUndefined();
      expect(await test.second.reserve(reservation('live-2', 0.4), { signal })).toBeUndefined();
      await test.wipe();
      // 0.3 are spent and 0.6 under way: this would fit an empty Redis only.
      expect(await test.first.reserve(reservation('more', 0.2), { signal })).toMatchObject({
        limit: expect.stringMatching(/budget|parallel/) as string,
      });
      expect(await spent(test.first)).toMatchObject({ spentUsd: 0.3, reservedUsd: 0.6 });
      test.first.settle('live-1', { tokens: 5, usd: 0.2 });
      test.second.settle('live-2', { tokens: 5, usd: 0.4 });
      await expect.poll(() => spent(test.second)).toMatchObject({ spentUsd: 0.9, reservedUsd: 0 });
      await expect.poll(test.stored).toBe(0.9e9);
    });

    it('takes a server that was started anew for one that may know less', async () => {
      await using test = await ground();
      const meta = `${test.prefix}{ledger}:meta`;
      // As a copy from before the money was spent.
      await test.redis.command('HSET', [meta, 'server', 'another']);
      await test.redis.command('HSET', [`${test.prefix}{ledger}:s:${one.key}`, 'month:s', 0]);
      const third = createRedisLedger({ ...test, clock, logger });
      await third.start();
      expect(await third.reserve(reservation('much', 0.8), { signal })).toMatchObject({
        limit: 'budget',
        used: 0.3,
      });
      await third.stop();
    });

    it('keeps budgets closed while the database cannot be read', async () => {
      await using test = await ground();
      await sql`alter table ledger_budgets rename to gone`.execute(test.storage.db);
      await test.wipe();
      await expect(test.first.reserve(reservation('closed', 0.1), { signal })).rejects.toMatchObject({
        code: 'storage_unavailable',
      });
      await sql`alter table gone rename to ledger_budgets`.execute(test.storage.db);
      await expect
        .poll(async () => test.first.reserve(reservation('open', 0.1), { signal }), { timeout: 10_000 })
        .toBeUndefined();
      expect(await spent(test.first)).toMatchObject({ spentUsd: 0.3 });
    });
  });
});
