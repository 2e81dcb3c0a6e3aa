import { describe, expect, it } from 'vitest';
import { sql } from 'kysely';
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

  it('says of a deadlock that the same work may be tried again', async () => {
    const database = await createTestDatabase();
    const storage = new PostgresStorage({ url: database.url, poolSize: 5, clock, logger, migrate: true });
    await storage.start();
    await sql`create table pairs (id int primary key)`.execute(storage.db);
    await sql`insert into pairs values (1), (2)`.execute(storage.db);
    const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const locks = (first: number, second: number) =>
      storage.transaction(async (trx) => {
        await sql`select 1 from pairs where id = ${first}::int for update`.execute(trx);
        held[first - 1]?.resolve();
        await held[second - 1]?.promise;
        await sql`select 1 from pairs where id = ${second}::int for update`.execute(trx);
      });
    const outcomes = await Promise.allSettled([locks(1, 2), locks(2, 1)]);
    await storage.stop();
    await database.drop();
    const refused = outcomes.filter((one) => one.status === 'rejected').map((one) => one.reason as unknown);
    expect(refused).toMatchObject([{ code: 'storage_unavailable', retryable: true }]);
  });
});
