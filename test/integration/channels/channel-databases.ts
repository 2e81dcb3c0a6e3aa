import { afterEach, beforeEach, describe } from 'vitest';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

const withPostgres = await postgresAvailable();
const databases: readonly { where: string; skip: boolean; open?: () => Promise<TestDatabase> }[] = [
  { where: 'embedded', skip: false },
  {
    where: withPostgres ? 'on PostgreSQL' : 'on PostgreSQL (not reachable)',
    skip: !withPostgres,
    open: createTestDatabase,
  },
];

/** A suite on the embedded database and, where one answers, on PostgreSQL. `use` is given the ground of each test. */
export function describeOnBothDatabases(
  title: string,
  use: (ground: ChannelGround) => void,
  suite: () => void,
): void {
  for (const { where, skip, open } of databases) {
    describe.skipIf(skip)(`${title}, ${where}`, () => {
      let ground: ChannelGround;
      let database: TestDatabase | undefined;
      beforeEach(async () => {
        database = await open?.();
        ground = await startChannelGround(database?.url);
        use(ground);
      });
      afterEach(async () => {
        await ground.close();
        await database?.drop();
      });
      suite();
    });
  }
}
