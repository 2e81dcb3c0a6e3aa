import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import {
  createRedisLedger,
  createSqlLedger,
  type Ledger,
} from '../../../src/capabilities/accounting/index.ts';
import { createRedis, type RedisClient } from '../../../src/platform/redis/index.ts';
import { PostgresStorage } from '../../../src/platform/storage/index.ts';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../../src/testing/test-redis.ts';

const attacker = path.join(import.meta.dirname, 'attacker.ts');
const limitUsd = 4;
const budget = {
  key: 'tenant/attack/tenant',
  limits: { budgets: [{ usd: limitUsd, period: 'month' as const }] },
};

interface Told {
  ready?: true;
  reserved?: string;
  refused?: string;
  spent?: number;
  done?: true;
}

/** A real process that attacks the budget, and what it has told. */
class Attacker {
  readonly told: Told[] = [];
  readonly process: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly exited: Promise<unknown>;

  constructor(args: readonly string[]) {
    this.process = fork(attacker, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.exited = new Promise((resolve) => {
      this.process.once('exit', resolve);
    });
    this.process.on('message', (message: Told) => {
      this.told.push(message);
      if (message.ready) this.#ready.resolve();
    });
    void this.exited.then(() => this.#ready.reject(new Error('the process ended before it was ready')));
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** What it has told that it spends. */
  get spent(): number {
    return this.told.reduce((sum, { spent = 0 }) => sum + spent, 0);
  }
}

const hasRedis = await redisAvailable();

describe.skipIf(!(await postgresAvailable()))(
  'three processes and one budget (skipped without PostgreSQL)',
  () => {
    let database: TestDatabase;
    let storage: PostgresStorage;
    let redis: RedisClient | undefined;
    const { prefix, remove } = createTestPrefix();

    beforeAll(async () => {
      database = await createTestDatabase();
      storage = new PostgresStorage({ url: database.url, poolSize: 3, clock, logger, migrate: true });
      await storage.start();
      if (!hasRedis) return;
      redis = createRedis(testRedisUrl, { clock, logger });
      await redis.start();
    });

    const attackers: Attacker[] = [];
    afterEach(async () => {
      // Where a test failed, they would go on.
      for (const { process, exited } of attackers.splice(0)) {
        process.kill('SIGKILL');
        await exited;
      }
    });

    afterAll(async () => {
      await storage.stop();
      await database.drop();
      if (redis === undefined) return;
      await redis.stop();
      await remove();
    });

    const attackWith = async (ledger: Ledger, redisUrl: string): Promise<void> => {
      await ledger.start();
      for (const name of ['a', 'b', 'c'])
        attackers.push(new Attacker([name, database.url, redisUrl, prefix, `${limitUsd}`]));
      await Promise.all(attackers.map(({ ready }) => ready));
      const state = async () => {
        const [use] = await ledger.use([budget]);
        return use?.budgets[0] ?? { spentUsd: Number.NaN, reservedUsd: Number.NaN };
      };
      /** At every moment at which anybody looks. */
      const within = async (): Promise<number> => {
        const { spentUsd, reservedUsd } = await state();
        expect(spentUsd + reservedUsd).toBeLessThanOrEqual(limitUsd + 1e-9);
        return spentUsd;
      };
      await expect.poll(within, { interval: 5, timeout: 30_000 }).toBeGreaterThan(limitUsd / 4);
      const [victim, ...others] = attackers;
      victim?.process.kill('SIGKILL');
      await victim?.exited;
      // The others go on until nothing is left, also with what the dead one had reserved.
      await expect.poll(within, { interval: 5, timeout: 30_000 }).toBeGreaterThan(limitUsd - 0.01 - 1e-9);
      for (const { process } of others) process.send({ stop: true });
      await Promise.all(others.map(({ exited }) => exited));
      await expect.poll(async () => (await state()).reservedUsd, { timeout: 10_000 }).toBe(0);
      const { spentUsd } = await state();
      expect(spentUsd).toBeLessThanOrEqual(limitUsd + 1e-9);
      const heard = others.reduce((sum, one) => sum + one.spent, 0);
      // What the living told they spent is counted, to the cent; of the dead one at most what it told.
      expect(spentUsd).toBeGreaterThanOrEqual(heard - 1e-9);
      expect(spentUsd).toBeLessThanOrEqual(heard + (victim?.spent ?? 0) + 1e-9);
      for (const one of others) expect(one.told.some(({ refused }) => refused !== undefined)).toBe(true);
      await ledger.stop();
    };

    it('never spend more than there is on PostgreSQL, and what a killed one had reserved comes back', async () => {
      await attackWith(createSqlLedger({ storage, clock, logger }), '');
    });

    it.skipIf(!hasRedis)('nor on Redis', async () => {
      if (redis === undefined) throw new Error('there is no Redis');
      await storage.db.deleteFrom('ledger_budgets').execute();
      await attackWith(createRedisLedger({ redis, storage, clock, logger, prefix }), testRedisUrl);
      // The database remembers what Redis counted.
      const [row] = await storage.db
        .selectFrom('ledger_budgets')
        .selectAll()
        .where('key', '=', budget.key)
        .execute();
      expect((row?.spent ?? 0) / 1e9).toBeGreaterThan(limitUsd - 0.011);
      expect((row?.spent ?? 0) / 1e9).toBeLessThanOrEqual(limitUsd);
    });
  },
);
