import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { createSqlLedger, MemoryLedger } from '../../../src/capabilities/accounting/index.ts';
import { PgliteStorage, PostgresStorage } from '../../../src/platform/storage/index.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { TcpProxy } from '../fixtures/tcp-proxy.ts';

const signal = new AbortController().signal;
const subject = {
  key: 'tenant/t/tenant',
  limits: { rpm: 1000, budgets: [{ usd: 1, period: 'month' as const }] },
};
const reservation = (id: string, usd: number) => ({
  id,
  subjects: [subject],
  tokens: 1,
  usd,
  expiresAtMs: clock.now() + 600_000,
});

describe.skipIf(!(await postgresAvailable()))('PostgreSQL goes away (skipped when no server answers)', () => {
  it('promises nothing meanwhile, and counts afterwards what was settled meanwhile, once', async () => {
    const database = await createTestDatabase();
    const direct = new URL(database.url);
    const proxy = new TcpProxy({ host: direct.hostname, port: Number(direct.port) || 5432 });
    await proxy.open();
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    const storage = new PostgresStorage({ url: url.href, poolSize: 3, clock, logger, migrate: true });
    await storage.start();
    const ledger = createSqlLedger({ storage, clock, logger });
    await ledger.start();
    for (const id of ['a', 'b', 'c']) await ledger.reserve(reservation(id, 0.3), { signal });
    await proxy.cut();
    ledger.settle('a', { tokens: 1, usd: 0.2 });
    ledger.settle('b', { tokens: 1, usd: 0.1 });
    await expect(ledger.reserve(reservation('d', 0.01), { signal })).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    ledger.release('c');
    ledger.settle('a', { tokens: 1, usd: 0.2 });
    await proxy.open();
    await expect
      .poll(async () => (await ledger.use([subject]).catch(() => []))[0], { timeout: 20_000 })
      .toMatchObject({ parallel: 0, budgets: [{ reservedUsd: 0 }] });
    expect((await ledger.use([subject]))[0]?.budgets[0]?.spentUsd).toBeCloseTo(0.3, 9);
    await ledger.stop();
    await storage.stop();
    await proxy.cut();
    await database.drop();
  });
});

describe('a process with the embedded database is killed', () => {
  it('has lost no more than what it spent in its last second', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'agent33-ledger-'));
    const child = fork(path.join(import.meta.dirname, 'memory-spender.ts'), [folder], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const spent: { readonly at: number; readonly total: number }[] = [];
    const enough = Promise.withResolvers<void>();
    child.on('message', (total: number) => {
      spent.push({ at: Date.now(), total });
      if (total >= 30) enough.resolve();
    });
    await enough.promise;
    const killedAt = Date.now();
    child.kill('SIGKILL');
    await new Promise((resolve) => {
      child.once('exit', resolve);
    });
    const storage = new PgliteStorage({ folder, clock, logger, migrate: true });
    await storage.start();
    const ledger = new MemoryLedger({ clock, logger, storage });
    await ledger.start();
    const use = (await ledger.use([subject]))[0];
    const due = spent.findLast(({ at }) => at <= killedAt - 1000)?.total ?? 0;
    expect(due).toBeGreaterThan(0);
    // A cent each.
    expect((use?.budgets[0]?.spentUsd ?? 0) * 100).toBeGreaterThanOrEqual(due - 1e-6);
    expect(use).toMatchObject({ parallel: 0, budgets: [{ reservedUsd: 0 }] });
    await ledger.stop();
    await storage.stop();
    await rm(folder, { recursive: true });
  });
});
