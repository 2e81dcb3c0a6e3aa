import { describe } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../src/base/index.ts';
import { PostgresStorage } from '../../src/platform/storage/index.ts';
import { queueContract } from '../../src/testing/contracts/queue-contract.ts';
import { createTestDatabase, postgresAvailable } from '../../src/testing/test-database.ts';

describe.skipIf(!(await postgresAvailable()))('PostgreSQL (skipped when no server answers)', () => {
  queueContract('PostgreSQL', async () => {
    const database = await createTestDatabase();
    return {
      storage: new PostgresStorage({ url: database.url, poolSize: 5, clock, logger, migrate: true }),
      dispose: () => database.drop(),
    };
  });
});
