import { silentLogger as logger, systemClock as clock } from '../src/base/index.ts';
import { acceptRequests } from '../src/entrypoints/streams/accept-requests.ts';
import { RedisStreams } from '../src/platform/bus/index.ts';
import { createMetrics } from '../src/platform/observability/index.ts';
import { createRedis, type RedisClient } from '../src/platform/redis/index.ts';
import { entryFields } from '../src/testing/faststream-entry.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../src/testing/test-redis.ts';
import { createTestDatabase } from '../src/testing/test-database.ts';
import { joinPostgresBench } from './run-bench.ts';
import { median, type Figure } from './report.ts';

const entries = 20_000;
const batch = 500;
const sessions = 200;
const rounds = 3;
const singles = 5_000;
const goal = 0.15;

/** Requests as FastStream writes them, about 0.5 KB each. */
async function fill(redis: RedisClient, key: string): Promise<void> {
  await redis.command('XGROUP', ['CREATE', key, 'agent33', '0', 'MKSTREAM']);
  for (let at = 0; at < entries; at += batch) {
    await Promise.all(
      Array.from({ length: batch }, (_unused, index) => {
        const n = at + index;
        const fields = entryFields('json', {
          id: `${key}-${n}`,
          source: 'discord',
          source_id: String(n % sessions),
          user_id: '7',
          content: `message ${n} `.padEnd(200, 'x'),
          session_id: `discord:${n % sessions}`,
        });
        return redis.command('XADD', [key, '*', ...fields]);
      }),
    );
  }
}

/** Reads and acknowledges, `count` at a time, and does nothing else. Returns entries per second. */
async function raw(redis: RedisClient, key: string, count: number, total: number): Promise<number> {
  const begun = performance.now();
  for (let read = 0; read < total;) {
    const reply = (await redis.bytes('XREADGROUP', [
      'GROUP',
      'agent33',
      'raw',
      'COUNT',
      count,
      'STREAMS',
      key,
      '>',
    ])) as [unknown, [Uint8Array][]];
    const ids = reply[1].map(([id]) => id);
    await redis.command('XACK', [key, 'agent33', ...ids]);
    read += ids.length;
  }
  return total / ((performance.now() - begun) / 1000);
}

/** Rate of `agent:requests` into the inbox of PostgreSQL, beside reading and acknowledging alone. */
export async function measureStreams(): Promise<readonly Figure[]> {
  if (!(await redisAvailable())) return [];
  const { prefix, remove } = createTestPrefix();
  const redis = createRedis(testRedisUrl, { clock, logger });
  const streams = new RedisStreams({
    clock,
    logger,
    redis: createRedis(testRedisUrl, { clock, logger }),
  });
  await redis.start();
  await streams.start();
  const database = await createTestDatabase();
  const bench = await joinPostgresBench(database.url, { execute: false, drop: database.drop });
  const metrics = createMetrics({ version: 'bench', processMetrics: false });
  const deps = {
    runs: bench.runs,
    streams,
    clock,
    logger,
    metrics,
    route: () => Promise.resolve({ kind: 'agent', name: 'bench' } as const),
  };
  const rates: { single: number; batches: number; ingest: number }[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      await fill(redis, `${prefix}raw${round}`);
      const single = await raw(redis, `${prefix}raw${round}`, 1, singles);
      const batches = await raw(redis, `${prefix}raw${round}`, batch, entries - singles);
      const key = `${prefix}requests${round}`;
      await fill(redis, key);
      const begun = performance.now();
      let done = 0;
      await new Promise<void>((resolve) => {
        streams.consume(
          key,
          'agent33',
          async (read) => {
            await acceptRequests(deps, read, () => Promise.resolve(true));
            done += read.length;
            if (done >= entries) resolve();
          },
          { sole: true, batch },
        );
      });
      rates.push({ single, batches, ingest: entries / ((performance.now() - begun) / 1000) });
    }
  } finally {
    await streams.stop();
    await redis.stop();
    await remove();
    await bench[Symbol.asyncDispose]();
  }
  const ingest = median(rates.map((rate) => rate.ingest));
  const against = (name: string, base: number): Figure => ({
    name: `agent:requests into the inbox against reading and acknowledging alone, ${name}`,
    value: `${(ingest / base).toFixed(2)}× (${Math.round(ingest)} of ${Math.round(base)}/s)`,
    goal: `≥ ${goal}×`,
    met: ingest / base >= goal,
  });
  return [
    against('one by one', median(rates.map((rate) => rate.single))),
    against(`${batch} at a time`, median(rates.map((rate) => rate.batches))),
  ];
}
