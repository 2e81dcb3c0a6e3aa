import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../src/base/index.ts';
import { FolderBlobStore, TableBlobStore } from '../../src/platform/blobs/index.ts';
import { PostgresStorage } from '../../src/platform/storage/index.ts';
import { blobStoreContract } from '../../src/testing/contracts/blob-store-contract.ts';
import { createTestDatabase, postgresAvailable } from '../../src/testing/test-database.ts';

blobStoreContract('folder', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'agent33-blobs-'));
  return {
    store: new FolderBlobStore(path.join(folder, 'blobs')),
    dispose: () => rm(folder, { recursive: true }),
  };
});

describe.skipIf(!(await postgresAvailable()))('PostgreSQL (skipped when no server answers)', () => {
  blobStoreContract('table of PostgreSQL', async () => {
    const database = await createTestDatabase();
    const storage = new PostgresStorage({ url: database.url, poolSize: 5, clock, logger, migrate: true });
    await storage.start();
    return {
      store: new TableBlobStore({ storage, clock }),
      dispose: async () => {
        await storage.stop();
        await database.drop();
      },
    };
  });
});

describe('the folder of blobs', () => {
  it('keeps nothing of a blob that was deleted, and no unfinished file', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'agent33-blobs-'));
    const store = new FolderBlobStore(folder);
    await store.put('runs/run_1/a', new Uint8Array(10));
    expect((await readdir(folder)).toSorted()).toEqual(['.unfinished', 'runs']);
    await store.delete(['runs/run_1/a']);
    expect(await readdir(folder, { recursive: true })).toEqual(['.unfinished']);
    await rm(folder, { recursive: true });
  });
});
