import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../src/base/index.ts';
import { createRedis, defineScript, type RedisClient } from '../../src/platform/redis/index.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../src/testing/test-redis.ts';
import { TcpProxy } from './fixtures/tcp-proxy.ts';

describe.skipIf(!(await redisAvailable()))('Redis (skipped when no server answers)', () => {
  const direct = new URL(testRedisUrl);
  const { prefix, remove } = createTestPrefix();
  let proxy: TcpProxy;
  let redis: RedisClient;

  beforeEach(async () => {
    proxy = new TcpProxy({ host: direct.hostname, port: Number(direct.port) || 6379 });
    await proxy.open();
    const url = new URL(testRedisUrl);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    redis = createRedis(url.href, { logger, clock });
    await redis.start();
    await redis.start();
  });

  afterEach(async () => {
    await redis.stop();
    await redis.stop();
    await proxy.cut();
    await remove();
  });

  const health = async (): Promise<string> => (await redis.health(AbortSignal.timeout(2000))).status;

  it('runs commands, with text and bytes, and says what Redis refuses', async () => {
    await redis.command('SET', [`${prefix}text`, 'ü']);
    await redis.command('SET', [`${prefix}bytes`, Buffer.from('abc')]);
    expect(await redis.command('MGET', [`${prefix}text`, `${prefix}bytes`, `${prefix}none`])).toEqual([
      'ü',
      'abc',
      null,
    ]);
    await expect(redis.command('LPUSH', [`${prefix}text`, 'x'])).rejects.toMatchObject({
      name: 'RedisRefusal',
      code: 'WRONGTYPE',
    });
  });

  it('runs a script that the server has never seen, and again after it forgot it', async () => {
    const script = defineScript(`-- ${prefix}\nreturn {KEYS[1], ARGV[1], 7}`);
    const run = () => redis.script(script, ['k'], ['a']);
    expect(await run()).toEqual(['k', 'a', 7]);
    expect(await redis.command('SCRIPT', ['EXISTS', script.sha])).toEqual([1]);
    expect(await run()).toEqual(['k', 'a', 7]);
  });

  it('fails at once while the connection is away, and comes back by itself', async () => {
    await proxy.cut();
    await expect.poll(health).toBe('down');
    const begun = performance.now();
    await expect(redis.command('PING', [])).rejects.toMatchObject({
      code: 'storage_unavailable',
      retryable: true,
    });
    expect(performance.now() - begun).toBeLessThan(500);
    await proxy.open();
    await expect.poll(health, { timeout: 10_000 }).toBe('ok');
  });

  it('does not wait for a server that says nothing', async () => {
    proxy.silence();
    await expect(redis.command('PING', [], { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    const controller = new AbortController();
    const asked = redis.command('PING', [], { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
  });

  it('reads blocking on a connection of its own', async () => {
    const reader = redis.duplicate();
    await reader.start();
    const read = reader.command('BLPOP', [`${prefix}list`, 5], { timeoutMs: 6000 });
    await redis.command('RPUSH', [`${prefix}list`, 'item']);
    expect(await read).toEqual([`${prefix}list`, 'item']);
    const forever = reader
      .command('BLPOP', [`${prefix}list`, 0], { timeoutMs: 60_000 })
      .catch((error: Error) => error);
    await reader.stop();
    expect(await forever).toMatchObject({ code: 'storage_unavailable' });
  });

  it('starts without a server, and refuses wrong credentials', async () => {
    const port = proxy.port;
    await proxy.cut();
    const early = createRedis(`redis://127.0.0.1:${port}`, { logger, clock });
    await early.start();
    await expect(early.command('PING', [])).rejects.toMatchObject({ code: 'storage_unavailable' });
    await proxy.open();
    await expect
      .poll(async () => (await early.health(AbortSignal.timeout(2000))).status, { timeout: 10_000 })
      .toBe('ok');
    await early.stop();
    await expect(early.command('PING', [])).rejects.toMatchObject({ code: 'not_ready' });
    const stranger = createRedis(`redis://nobody:wrong@127.0.0.1:${port}`, { logger, clock });
    await expect(stranger.start()).rejects.toMatchObject({ code: 'invalid_config' });
  });
});
