import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger as logger, systemClock as clock } from '../../base/index.ts';
import { storageContract } from '../../testing/contracts/storage-contract.ts';
import { PgliteStorage } from './index.ts';

storageContract('PGlite in memory', async () => ({
  storage: new PgliteStorage({ folder: undefined, clock, logger, migrate: true }),
  dispose: async () => {},
}));

storageContract('PGlite in a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'agent33-storage-'));
  return {
    storage: new PgliteStorage({ folder, clock, logger, migrate: true }),
    dispose: () => rm(folder, { recursive: true }),
  };
});
