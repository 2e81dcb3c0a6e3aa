import { silentLogger, systemClock } from '../../../src/base/index.ts';
import { PgBossQueue, type Queue } from '../../../src/platform/queue/index.ts';
import { PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import { createTestDatabase } from '../../../src/testing/test-database.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';

/** A database with its queue. */
export interface TestBase {
  readonly storage: Storage;
  readonly queue: Queue;
  close(): Promise<void>;
}

async function base(storage: Storage, drop: () => Promise<void>): Promise<TestBase> {
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

/** An embedded database in memory, with its queue. */
export function openPglite(): Promise<TestBase> {
  return base(new MemoryStorage(), () => Promise.resolve());
}

/** A PostgreSQL database of its own, with its queue. */
export async function openPostgres(): Promise<TestBase> {
  const database = await createTestDatabase();
  const storage = new PostgresStorage({
    url: database.url,
    poolSize: 10,
    migrate: true,
    clock: systemClock,
    logger: silentLogger,
  });
  return base(storage, () => database.drop());
}
