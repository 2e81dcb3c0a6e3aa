import { sql } from 'kysely';
import { silentLogger as logger, systemClock as clock } from '../src/base/index.ts';
import {
  createRedisLedger,
  createSqlLedger,
  MemoryLedger,
  type Ledger,
} from '../src/capabilities/accounting/index.ts';
import { createRedis } from '../src/platform/redis/index.ts';
import { PostgresStorage } from '../src/platform/storage/index.ts';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../src/testing/test-redis.ts';
import { median, type Figure } from './report.ts';

const rounds = 5;
const signal = new AbortController().signal;
const subjects = [
  { key: 'tenant/bench/tenant', limits: { budgets: [{ usd: 1e6, period: 'month' as const }] } },
  { key: 'tenant/bench/key:k', limits: { rpm: 1e9, tpm: 1e12, parallel: 1e6 } },
  { key: 'deployment/d', limits: { rpm: 1e9, tpm: 1e12 } },
];
let serial = 0;

/** Milliseconds per call of `work`, one after the other, in the median round; the first round warms up. */
async function timed(count: number, work: (id: string) => Promise<unknown>): Promise<number> {
  const perCall: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const begun = performance.now();
    for (let index = 0; index < count; index += 1) await work(`b${(serial += 1)}`);
    if (round >= 0) perCall.push((performance.now() - begun) / count);
  }
  return median(perCall);
}

async function reserveAndSettle(ledger: Ledger, id: string): Promise<void> {
  const refused = await ledger.reserve(
    { id, subjects, tokens: 1000, usd: 0.001, expiresAtMs: clock.now() + 60_000 },
    { signal },
  );
  if (refused !== undefined) throw new Error('the ledger refused');
  ledger.settle(id, { tokens: 500, usd: 0.0005 });
}

/** Milliseconds for `count` reservations at once. */
async function timeBurst(ledger: Ledger, count: number): Promise<number> {
  const times: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const begun = performance.now();
    await Promise.all(Array.from({ length: count }, () => reserveAndSettle(ledger, `b${(serial += 1)}`)));
    if (round >= 0) times.push(performance.now() - begun);
  }
  return median(times);
}

const missing = (name: string, goal: string): Figure => ({ name, value: '–', goal, met: undefined });

async function measureMemory(): Promise<Figure> {
  const ledger = new MemoryLedger({ clock, logger });
  await ledger.start();
  const us = (await timed(20_000, (id) => reserveAndSettle(ledger, id))) * 1000;
  await ledger.stop();
  return {
    name: 'budget, calls and tokens of three subjects reserved and settled, in memory',
    value: `${us.toFixed(1)} µs`,
    goal: '≤ 20 µs',
    met: us <= 20,
  };
}

async function measurePostgres(): Promise<readonly Figure[]> {
  const name = 'the same on PostgreSQL, round trips of a reservation';
  if (!(await postgresAvailable())) return [missing(name, '1')];
  const database = await createTestDatabase();
  const storage = new PostgresStorage({ url: database.url, poolSize: 5, clock, logger, migrate: true });
  await storage.start();
  let statements = 0;
  const counted = new Proxy(storage, {
    get: (target, property) => {
      if (property === 'db') statements += 1;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const ledger = createSqlLedger({ storage: counted, clock, logger });
  await ledger.start();
  const selectMs = await timed(300, () => sql`select ${1}::int`.execute(storage.db));
  await sql`create table bare (id text primary key, at timestamptz)`.execute(storage.db);
  const insertMs = await timed(300, (id) => sql`insert into bare values (${id}, now())`.execute(storage.db));
  statements = 0;
  const reserveMs = await timed(300, (id) => reserveAndSettle(ledger, id));
  // Settlements go with the next reservation; what is over is the timer's.
  const perCall = statements / (300 * (rounds + 1));
  const burstMs = await timeBurst(ledger, 200);
  await ledger.stop();
  await storage.stop();
  await database.drop();
  return [
    { name, value: perCall.toFixed(2), goal: '≤ 1', met: perCall < 1.05 },
    {
      name: 'same, time against `select 1` / a one-row `INSERT`',
      value: `${(reserveMs / selectMs).toFixed(1)}× / ${(reserveMs / insertMs).toFixed(1)}× (${reserveMs.toFixed(2)} ms)`,
      goal: '≤ 4× an INSERT',
      met: reserveMs <= 4 * insertMs,
    },
    {
      name: 'same, 200 at once, each',
      value: `${(burstMs / 200).toFixed(3)} ms (${(reserveMs / (burstMs / 200)).toFixed(0)}× less)`,
      goal: '≤ 0.5 ms',
      met: burstMs / 200 <= 0.5,
    },
  ];
}

async function measureRedis(): Promise<readonly Figure[]> {
  const name = 'the same on Redis, time against `PING`';
  if (!(await redisAvailable()) || !(await postgresAvailable())) return [missing(name, '≤ 4×')];
  const database = await createTestDatabase();
  const storage = new PostgresStorage({ url: database.url, poolSize: 2, clock, logger, migrate: true });
  await storage.start();
  const redis = createRedis(testRedisUrl, { clock, logger });
  await redis.start();
  let commands = 0;
  const counted = new Proxy(redis, {
    get: (target, property) => {
      if (property === 'script') commands += 1;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const { prefix, remove } = createTestPrefix();
  const ledger = createRedisLedger({ redis: counted, storage, clock, logger, prefix });
  await ledger.start();
  const pingMs = await timed(1000, () => redis.command('PING', []));
  await reserveAndSettle(ledger, 'first');
  commands = 0;
  const reserveMs = await timed(1000, (id) => reserveAndSettle(ledger, id));
  const perCall = commands / (1000 * (rounds + 1));
  const burstMs = await timeBurst(ledger, 200);
  await ledger.stop();
  await redis.stop();
  await storage.stop();
  await database.drop();
  await remove();
  return [
    {
      name,
      value: `${(reserveMs / pingMs).toFixed(1)}× (${reserveMs.toFixed(2)} ms)`,
      goal: '≤ 4×',
      met: reserveMs <= 4 * pingMs,
    },
    {
      name: 'same, round trips of a reservation',
      value: perCall.toFixed(2),
      goal: '≤ 1',
      met: perCall < 1.05,
    },
    {
      name: 'same, 200 at once, each',
      value: `${(burstMs / 200).toFixed(3)} ms`,
      goal: '≤ 0.5 ms',
      met: burstMs / 200 <= 0.5,
    },
  ];
}

/** What it costs to ask for room and to settle, on each store. */
export async function measureLedger(): Promise<readonly Figure[]> {
  return [await measureMemory(), ...(await measurePostgres()), ...(await measureRedis())];
}
