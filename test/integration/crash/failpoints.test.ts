import { describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openGround, type DatabaseKind } from './open-ground.ts';
import { crashOnce, crashOnMessage } from './scenarios.ts';

const databases: readonly DatabaseKind[] = ['embedded', 'PostgreSQL'];
const hasPostgres = await postgresAvailable();

/** Moments, and how many model calls a crash there may cost. */
const failpoints = {
  // Before anything was acknowledged.
  'submit-begin': 0,
  'submit-before-commit': 0,
  // Everything that was done is recorded.
  'submit-after-commit': 0,
  'run-claimed': 0,
  'step-recorded': 0,
  // The large answer of the tool is stored, its step is not: the tool's step comes twice, the model's does not.
  'step-blob-stored': 0,
  'end-begin': 0,
  'end-before-commit': 0,
  'end-after-commit': 0,
  // Between an effect and its record: the step in flight comes twice.
  'step-effect': 1,
};

describe.for(databases)('kill -9 on the %s database', (database) => {
  const skipped = database === 'PostgreSQL' && !hasPostgres;

  it.skipIf(skipped).each(Object.entries(failpoints))(
    'at %s costs %i model calls',
    async (failpoint, extraModelCalls) => {
      await using ground = await openGround(database);
      expect(await crashOnce(ground.world, failpoint)).toEqual({
        answers: ['answer to one', 'answer to two'],
        extraModelCalls,
        effects: 2,
        order: ['one', 'two'],
      });
    },
  );

  it
    .skipIf(skipped)
    .each(['submit-begin', 'submit-before-commit', 'submit-after-commit', 'end-after-commit'])(
    'at %s loses no chat message and answers none twice',
    async (failpoint) => {
      await using ground = await openGround(database, { channel: true });
      expect(await crashOnMessage(ground, failpoint, 30_000)).toEqual(['answer to hello', 'answer to and?']);
    },
  );
});
