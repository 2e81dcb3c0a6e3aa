import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { createRedisLedger, createSqlLedger } from '../../../src/capabilities/accounting/index.ts';
import { createRedis } from '../../../src/platform/redis/index.ts';
import { PostgresStorage } from '../../../src/platform/storage/index.ts';

// One process of processes.test.ts: spends from one budget as quickly as it can, until it is told to stop.
const [name = '', database = '', redisUrl = '', prefix = '', limitUsd = '1', expiryMs = '1500'] =
  process.argv.slice(2);
const usd = 0.01;
const storage = new PostgresStorage({ url: database, poolSize: 3, clock, logger, migrate: false });
await storage.start();
const redis = redisUrl === '' ? undefined : createRedis(redisUrl, { clock, logger });
await redis?.start();
const ledger =
  redis === undefined
    ? createSqlLedger({ storage, clock, logger })
    : createRedisLedger({ redis, storage, clock, logger, prefix });
await ledger.start();
const subjects = [
  { key: 'tenant/attack/tenant', limits: { budgets: [{ usd: Number(limitUsd), period: 'month' as const }] } },
  { key: `tenant/attack/key:${name}`, limits: { parallel: 40 } },
];
let serial = 0;
const stopping = new AbortController();
process.on('message', () => {
  stopping.abort();
});
process.send?.({ ready: true });

/** Reserves, spends about half of what was reserved, and settles, again and again. */
async function attack(): Promise<void> {
  while (!stopping.signal.aborted) {
    const id = `${name}:${(serial += 1)}`;
    const expiresAtMs = clock.now() + Number(expiryMs);
    const answer = await ledger.reserve(
      { id, subjects, tokens: 1, usd, expiresAtMs },
      { signal: AbortSignal.timeout(10_000) },
    );
    if (answer !== undefined) {
      process.send?.({ refused: id });
      await clock.sleep(20);
      continue;
    }
    // The parent knows of it before it can be settled: what it has heard of is a lower bound of what was promised.
    process.send?.({ reserved: id });
    await clock.sleep(5);
    const spent = serial % 2 === 0 ? usd : usd / 2;
    process.send?.({ spent });
    ledger.settle(id, { tokens: 1, usd: spent });
  }
}

await Promise.all(Array.from({ length: 20 }, attack));
await ledger.stop();
await redis?.stop();
await storage.stop();
process.send?.({ done: true });
process.disconnect();
