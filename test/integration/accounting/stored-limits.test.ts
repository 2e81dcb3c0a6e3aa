import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { SqlStoredLimits } from '../../../src/capabilities/accounting/index.ts';
import type { Scope } from '../../../src/protocol/index.ts';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openPglite, openPostgres, type TestBase } from '../runs/databases.ts';

const admin: Scope = { tenant: 'default', principal: 'key:boss', scopes: ['admin'] };
const other: Scope = { tenant: 'other', principal: 'key:x', scopes: ['admin'] };

function storedLimitsBehaviour(name: string, open: () => Promise<TestBase>): void {
  describe(`stored limits on ${name}`, () => {
    let base: TestBase;
    beforeAll(async () => {
      base = await open();
    });
    afterAll(() => base.close());

    const start = async (): Promise<SqlStoredLimits> => {
      const limits = new SqlStoredLimits({ storage: base.storage, clock, logger });
      await limits.start();
      return limits;
    };

    it('are set, changed and removed, each tenant’s for itself, and survive a restart', async () => {
      const limits = await start();
      await limits.set(admin, 'key:*', { rpm: 5, budgets: [{ usd: 1, period: 'month' }], tpm: null });
      await limits.set(other, 'key:*', { rpm: 7 });
      const before = limits.version;
      await limits.set(admin, 'tenant', { parallel: 2 });
      expect(limits.version).toBeGreaterThan(before);
      expect(limits.of('default').get('key:*')).toMatchObject({
        values: { rpm: 5, budgets: [{ usd: 1, period: 'month' }], tpm: null },
        updatedBy: 'key:boss',
      });
      expect(limits.of('other').get('key:*')?.values).toEqual({ rpm: 7 });
      expect(await limits.remove(admin, 'tenant')).toBe(true);
      expect(await limits.remove(admin, 'tenant')).toBe(false);
      await limits.stop();
      const again = await start();
      expect([...again.of('default').keys()]).toEqual(['key:*']);
      await again.stop();
    });
  });
}

storedLimitsBehaviour('the embedded database', openPglite);

describe.skipIf(!(await postgresAvailable()))('PostgreSQL (skipped without it)', () => {
  storedLimitsBehaviour('PostgreSQL', openPostgres);

  it('reach every process within a second, whoever writes at the same moment', async () => {
    const base = await openPostgres();
    const all = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const limits = new SqlStoredLimits({ storage: base.storage, clock, logger });
        await limits.start();
        return limits;
      }),
    );
    await Promise.all(
      all.flatMap((limits, process) =>
        Array.from({ length: 20 }, (_value, index) =>
          limits.set(admin, `user:${process}-${index}`, { rpm: index + 1 }),
        ),
      ),
    );
    const began = clock.now();
    await expect
      .poll(() => all.map((limits) => limits.of('default').size), { timeout: 10_000, interval: 20 })
      .toEqual([60, 60, 60]);
    process.stdout.write(`limits reached the other processes after ${clock.now() - began} ms\n`);
    await all[0]?.remove(admin, 'user:1-1');
    await expect.poll(() => all[2]?.of('default').has('user:1-1'), { timeout: 10_000 }).toBe(false);
    await Promise.all(all.map((limits) => limits.stop()));
    await base.close();
  });
});
