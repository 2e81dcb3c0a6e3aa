import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock as clock, silentLogger } from '../../../src/base/index.ts';
import { RedisStreams } from '../../../src/platform/bus/index.ts';
import { createRedis } from '../../../src/platform/redis/index.ts';
import { createMemoryLogger } from '../../../src/testing/memory-logger.ts';
import { OwnRedis, redisServerAvailable } from '../streams/own-redis.ts';

describe.skipIf(!redisServerAvailable())('what Redis keeps (skipped without redis-server)', () => {
  let redis: OwnRedis;
  let streams: RedisStreams;
  const logger = createMemoryLogger();
  const open = async (settings: readonly string[]): Promise<void> => {
    redis = await OwnRedis.start(settings);
    streams = new RedisStreams({
      clock,
      logger,
      redis: createRedis(redis.url, { clock, logger: silentLogger }),
    });
    await streams.start();
  };
  afterEach(async () => {
    await streams.stop();
    await redis.stop();
  });
  const entries = (stream: string) => redis.client.xlen(stream);
  const append = async (stream: string, count: number, keepEntries?: number): Promise<void> => {
    for (let n = 0; n < count; n += 1)
      await streams.append(stream, { body: String(n) }, keepEntries === undefined ? {} : { keepEntries });
  };

  it('is never trimmed past what a group has not read or not acknowledged', async () => {
    await open(['--appendonly', 'yes']);
    await redis.client.call('XGROUP', ['CREATE', 's', 'slow', '0', 'MKSTREAM']);
    await append('s', 300, 10);
    expect(await entries('s')).toBe(300);
    // Read, of which one is not acknowledged: that one and all behind it stay.
    const reply = (await redis.client.call('XREADGROUP', [
      'GROUP',
      'slow',
      'c',
      'COUNT',
      '300',
      'STREAMS',
      's',
      '>',
    ])) as [string, [string][]];
    const ids = reply[1].map(([id]) => id);
    await redis.client.xack('s', 'slow', ...ids.filter((_id, index) => index !== 150));
    await append('s', 100, 10);
    expect(await redis.client.xrange('s', '-', '+', 'COUNT', 1)).toMatchObject([
      [ids[150], expect.anything()],
    ]);
    await redis.client.xack('s', 'slow', ids[150] ?? '');
    await redis.client.call('XGROUP', ['SETID', 's', 'slow', '$']);
    await append('s', 100, 10);
    // The hundred that came since then are unread.
    expect(await entries('s')).toBe(101);
  });

  it('trims what a reader has acknowledged and that is old enough, and keeps the newest where no group reads', async () => {
    await open(['--appendonly', 'yes']);
    await append('free', 150, 10);
    expect(await entries('free')).toBe(60);
    await append('read', 1500);
    let seen = 0;
    const consumer = streams.consume(
      'read',
      'g',
      (batch) => {
        seen += batch.length;
        return Promise.resolve();
      },
      { keepMs: 0, batch: 500 },
    );
    await vi.waitUntil(() => seen === 1500);
    await vi.waitUntil(async () => (await entries('read')) <= 501);
    await consumer.stop();
  });

  it('says that it forgets at a restart', async () => {
    await open(['--appendonly', 'no']);
    expect(logger.lines.map(({ message }) => message).join('\n')).toContain('appendonly yes');
    expect(await streams.health(AbortSignal.timeout(2000))).toMatchObject({
      status: 'degraded',
      detail: expect.stringContaining('append-only') as unknown,
    });
  });

  it('is not read where it throws entries away by itself', async () => {
    await open(['--appendonly', 'yes', '--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru']);
    await append('s', 1);
    let seen = 0;
    const consumer = streams.consume('s', 'g', (batch) => {
      seen += batch.length;
      return Promise.resolve();
    });
    await vi.waitUntil(() => (consumer.health().detail ?? '').includes('noeviction'));
    expect(await streams.health(AbortSignal.timeout(2000))).toMatchObject({ status: 'down' });
    expect(seen).toBe(0);
    await redis.client.call('CONFIG', ['SET', 'maxmemory-policy', 'noeviction']);
    // Looked at again with the next connection.
    await redis.client.call('CLIENT', ['KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await vi.waitUntil(() => seen === 1, { timeout: 20_000 });
  });
});
