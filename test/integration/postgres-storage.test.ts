import { describe } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../src/base/index.ts';
import { PostgresStorage } from '../../src/platform/storage/index.ts';
import { storageContract } from '../../src/testing/contracts/storage-contract.ts';
import { createTestDatabase, postgresAvailable } from '../../src/testing/test-database.ts';

describe.skipIf(!(await postgresAvailable()))('PostgreSQL (skipped when no server answers)', () => {
  storageContract('PostgreSQL', async () => {
    const database = await createTestDatabase();
    const url = database.url.replace('postgresql://', 'postgresql+asyncpg://');
    return {
      storage: new PostgresStorage({ url, poolSize: 5, clock, logger, migrate: true }),
      dispose: () => database.drop(),
    };
  });
});
