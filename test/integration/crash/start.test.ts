import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openGround, type DatabaseKind } from './open-ground.ts';

const databases: readonly DatabaseKind[] = ['embedded', 'PostgreSQL'];
const hasPostgres = await postgresAvailable();
const kills = 6;

describe.for(databases)('kill -9 during the start on the %s database', (database) => {
  it.skipIf(database === 'PostgreSQL' && !hasPostgres)(
    `${kills} times leaves a database that opens, migrated and empty`,
    async () => {
      await using ground = await openGround(database);
      const { world } = ground;
      for (let kill = 0; kill < kills; kill += 1) {
        const started = world.start();
        // The moment is the point of this test: a random one of the start, migrations included.
        await new Promise<void>((resolve) => setTimeout(resolve, randomInt(200, 1800)));
        await world.ended({ kill: true });
        await started;
      }
      expect(await world.start()).toBe(true);
      expect(await world.submit('one', 'ses_start')).toBe('answer to one');
      expect([...world.modelCalls.values()]).toEqual([1, 1]);
    },
  );
});
