import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../src/base/index.ts';
import { PgBossQueue } from '../../src/platform/queue/index.ts';
import { PostgresStorage } from '../../src/platform/storage/index.ts';
import { createTestDatabase, postgresAvailable, type TestDatabase } from '../../src/testing/test-database.ts';
import { TcpProxy } from './fixtures/tcp-proxy.ts';

describe.skipIf(!(await postgresAvailable()))('PostgreSQL goes away (skipped when no server answers)', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let storage: PostgresStorage;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  beforeEach(async () => {
    const direct = new URL(database.url);
    proxy = new TcpProxy({ host: direct.hostname, port: Number(direct.port) || 5432 });
    await proxy.open();
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    storage = new PostgresStorage({ url: url.href, poolSize: 4, clock, logger, migrate: true });
    await storage.start();
  });

  afterEach(async () => {
    await storage.stop();
    await proxy.cut();
  });

  const select = (): Promise<unknown> => storage.db.selectFrom('workers').select('id').execute();
  const health = async (): Promise<string> => (await storage.health(AbortSignal.timeout(1_000))).status;

  it('says storage_unavailable and down, then works again by itself', async () => {
    await select();
    await proxy.cut();
    await expect(select()).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
    await expect(storage.transaction(async () => {})).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await health()).toBe('down');
    await proxy.open();
    await expect.poll(health).toBe('ok');
    await select();
  });

  it('fails a transaction whose connection breaks, under load, without ending the process', async () => {
    const underWay = Promise.withResolvers<void>();
    const outcomes = Array.from({ length: 20 }, () =>
      storage
        .transaction(async (trx) => {
          for (;;) {
            await trx.selectFrom('workers').select('id').execute();
            underWay.resolve();
          }
        })
        .then(
          () => 'done',
          (error: { code?: string }) => error.code,
        ),
    );
    await underWay.promise;
    await proxy.cut();
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['storage_unavailable']));
    await proxy.open();
    await expect.poll(health).toBe('ok');
  });

  it('gives up a transaction on a connection that fell silent', async () => {
    const silent = storage.transaction(
      async (trx) => {
        proxy.silence();
        await trx.selectFrom('workers').select('id').execute();
      },
      { timeoutMs: 300 },
    );
    await expect(silent).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await health()).toBe('down');
  });

  it('cancels a statement that outlives its transaction on the server too', async () => {
    const { sql } = await import('kysely');
    const slow = storage.transaction((trx) => sql`select pg_sleep(60), 'outlived'`.execute(trx), {
      timeoutMs: 200,
    });
    await expect(slow).rejects.toMatchObject({ code: 'storage_unavailable' });
    const running = (): Promise<number> =>
      sql<{
        count: number;
      }>`select count(*) from pg_stat_activity where query like '%outlived%' and state = 'active' and pid <> pg_backend_pid()`
        .execute(storage.db)
        .then(({ rows }) => rows[0]?.count ?? -1);
    await expect.poll(running).toBe(0);
  });

  it('listens again after a reconnect and says so', async () => {
    const heard: string[] = [];
    let reconnects = 0;
    await storage.listen(
      'outage',
      (payload) => heard.push(payload),
      () => (reconnects += 1),
    );
    await proxy.cut();
    await proxy.open();
    await expect.poll(() => reconnects, { timeout: 10_000 }).toBe(1);
    await storage.notify(storage.db, 'outage', 'hello');
    await expect.poll(() => heard).toEqual(['hello']);
  });

  it('keeps the pump alive: jobs run after the outage, also one whose completion failed', async () => {
    const queue = new PgBossQueue({ storage, clock, logger });
    await queue.start();
    const seen: string[] = [];
    const started = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const consumer = queue.consume('runs', { concurrency: 2, pollIntervalMs: 200 }, async (job) => {
      seen.push(job.payload['name'] as string);
      started.resolve();
      await gate.promise;
    });
    const send = (name: string): Promise<string> =>
      storage.transaction((trx) => queue.send('runs', { key: 'one', payload: { name } }, trx));
    await send('first');
    await started.promise;
    await proxy.cut();
    gate.resolve();
    await proxy.open();
    await expect.poll(health).toBe('ok');
    await send('second');
    await expect.poll(() => seen, { timeout: 15_000 }).toEqual(['first', 'second']);
    await expect.poll(() => queue.depth('runs'), { timeout: 5_000 }).toEqual({ waiting: 0, active: 0 });
    await consumer.stop();
    await queue.stop();
  });

  it('refuses at start when there is no server, within its time limit', async () => {
    await proxy.cut();
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    const absent = new PostgresStorage({ url: url.href, poolSize: 2, clock, logger, migrate: true });
    await expect(absent.start()).rejects.toMatchObject({ code: 'storage_unavailable' });
    await absent.stop();
  });
});
