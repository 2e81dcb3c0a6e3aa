import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { MemoryLedger } from '../../../src/capabilities/accounting/index.ts';
import { PgliteStorage } from '../../../src/platform/storage/index.ts';

// The process of outage.test.ts that is killed: spends a cent every 50 ms and tells how many.
const [folder = ''] = process.argv.slice(2);
const storage = new PgliteStorage({ folder, clock, logger, migrate: true });
await storage.start();
const ledger = new MemoryLedger({ clock, logger, storage });
await ledger.start();
const limits = { rpm: 1000, budgets: [{ usd: 1, period: 'month' as const }] };
for (let total = 1; ; total += 1) {
  const id = `s${total}`;
  const request = { id, subjects: [{ key: 'tenant/t/tenant', limits }], tokens: 1, usd: 0.01 };
  await ledger.reserve(
    { ...request, expiresAtMs: clock.now() + 60_000 },
    { signal: AbortSignal.timeout(1000) },
  );
  ledger.settle(id, { tokens: 1, usd: 0.01 });
  process.send?.(total);
  await clock.sleep(50);
}
