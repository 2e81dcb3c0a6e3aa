import { describe } from 'vitest';
import { silentLogger, systemClock } from '../../../src/base/index.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import { PgliteStorage, PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { describeEngine, type EngineGround } from './engine-behaviour.ts';

async function ground(storage: Storage, drop: () => Promise<void>): Promise<EngineGround> {
  await storage.start();
  const queue = new PgBossQueue({ storage, clock: systemClock, logger: silentLogger });
  await queue.start();
  return {
    storage,
    queue,
    close: async () => {
      await queue.stop();
      await storage.stop();
      await drop();
    },
  };
}

describeEngine('engine of runs on the embedded database', () =>
  ground(
    new PgliteStorage({ folder: undefined, migrate: true, clock: systemClock, logger: silentLogger }),
    () => Promise.resolve(),
  ),
);

describe.skipIf(!(await postgresAvailable()))('with PostgreSQL', () => {
  describeEngine('engine of runs on PostgreSQL', async () => {
    const database = await createTestDatabase();
    const storage = new PostgresStorage({
      url: database.url,
      poolSize: 10,
      migrate: true,
      clock: systemClock,
      logger: silentLogger,
    });
    return ground(storage, () => database.drop());
  });
});
