import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock } from '../../../src/base/index.ts';
import { SqlResponseStore } from '../../../src/entrypoints/http/index.ts';
import { PgliteStorage, PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import { responseStoreContract } from '../../../src/testing/contracts/response-store-contract.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { MemoryResponseStore } from '../../../src/testing/memory-response-store.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';

const day = 24 * 3_600_000;
const scope = { tenant: 'here', principal: 'key:1', scopes: [] };

async function openPostgres(): Promise<{ storage: Storage; dispose: () => Promise<void> }> {
  const database = await createTestDatabase();
  const storage = new PostgresStorage({
    url: database.url,
    poolSize: 5,
    clock: systemClock,
    logger,
    migrate: true,
  });
  await storage.start();
  return {
    storage,
    dispose: async () => {
      await storage.stop();
      await database.drop();
    },
  };
}

responseStoreContract('memory', () =>
  Promise.resolve({ store: new MemoryResponseStore(), dispose: () => Promise.resolve() }),
);

describe.skipIf(!(await postgresAvailable()))('PostgreSQL (skipped when no server answers)', () => {
  responseStoreContract('table of PostgreSQL', async () => {
    const { storage, dispose } = await openPostgres();
    const store = new SqlResponseStore({ storage, clock: systemClock, logger, retentionMs: day });
    return { store, dispose };
  });

  it('forgets responses when their time is over', async () => {
    const { storage, dispose } = await openPostgres();
    const clock = new FakeClock();
    const store = new SqlResponseStore({ storage, clock, logger, retentionMs: day });
    const put = (id: string) =>
      store.put(scope, { id, previousId: null, sessionId: null, input: [], response: { id } });
    await store.start();
    await store.start();
    await put('resp_old');
    await clock.advance(day - 1);
    // Sweeps that began so far are over.
    await store.stop();
    await store.start();
    await put('resp_young');
    await clock.advance(3_600_001);
    await store.stop();
    await store.stop();
    const left = await store.find(scope, ['resp_old', 'resp_young']);
    expect(left.map(({ id }) => id)).toEqual(['resp_young']);
    await dispose();
  });
});

describe('the embedded database', () => {
  responseStoreContract('table of the embedded database', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'agent33-responses-'));
    const storage = new PgliteStorage({ folder, clock: systemClock, logger, migrate: true });
    await storage.start();
    return {
      store: new SqlResponseStore({ storage, clock: systemClock, logger, retentionMs: day }),
      dispose: async () => {
        await storage.stop();
        await rm(folder, { recursive: true });
      },
    };
  });
});
