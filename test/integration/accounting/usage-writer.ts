// A process that records a usage row every 20 ms until it is killed, so that batches are written because of their age; each
// recorded one is a line on its standard output with the time. Its database is a folder, or a PostgreSQL address.
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { SqlUsageStore } from '../../../src/capabilities/accounting/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { PgliteStorage, PostgresStorage } from '../../../src/platform/storage/index.ts';
import { usageRow } from '../../../src/testing/usage-row.ts';

const [where = '', round = '0'] = process.argv.slice(2);
const base = { clock, logger, migrate: true };
const storage = where.startsWith('postgres')
  ? new PostgresStorage({ ...base, url: where, poolSize: 2 })
  : new PgliteStorage({ ...base, folder: where });
await storage.start();
const store = new SqlUsageStore({
  storage,
  clock,
  logger,
  metrics: createMetrics({ version: 'test', processMetrics: false }),
  retentionMs: () => 86_400_000,
});
await store.start();
for (let index = 0; ; index += 1) {
  const at = clock.now();
  store.record(usageRow({ id: `row-${round}-${String(index).padStart(6, '0')}`, at }));
  process.stdout.write(`${index} ${at}\n`);
  await clock.sleep(20);
}
