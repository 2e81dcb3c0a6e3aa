import { sql } from 'kysely';
import { describe } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { createSqlLedger } from '../../../src/capabilities/accounting/index.ts';
import { PostgresStorage } from '../../../src/platform/storage/index.ts';
import { ledgerContract } from '../../../src/testing/contracts/ledger-contract.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';

const windowMs = 1200;

describe.skipIf(!(await postgresAvailable()))('PostgreSQL (skipped when no server answers)', () => {
  ledgerContract(
    'tables on PostgreSQL',
    async () => {
      const database = await createTestDatabase();
      const storage = new PostgresStorage({ url: database.url, poolSize: 5, clock, logger, migrate: true });
      await storage.start();
      return {
        create: () => createSqlLedger({ storage, clock, logger, windowMs }),
        windowMs,
        now: async () => {
          const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(storage.db);
          return rows[0]?.at.getTime() ?? 0;
        },
        dispose: async () => {
          await storage.stop();
          await database.drop();
        },
      };
    },
    { isShared: true, isKept: true },
  );
});
