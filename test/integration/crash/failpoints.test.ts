import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openGround, type DatabaseKind, type OpenedGround } from './open-ground.ts';
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
  describe.skipIf(database === 'PostgreSQL' && !hasPostgres)(
    'of a server that goes on with what it finds',
    () => {
      let ground: OpenedGround;
      beforeAll(async () => {
        ground = await openGround(database);
      });
      afterAll(() => ground[Symbol.asyncDispose]());

      it.each(Object.entries(failpoints))(
        'at %s costs %i model calls',
        async (failpoint, extraModelCalls) => {
          expect(await crashOnce(ground.world, failpoint)).toEqual({
            answers: [`answer to one at ${failpoint}`, `answer to two at ${failpoint}`],
            extraModelCalls,
            effects: 2,
            order: [`one at ${failpoint}`, `two at ${failpoint}`],
          });
        },
      );
    },
  );

  describe.skipIf(database === 'PostgreSQL' && !hasPostgres)('of a server with a channel', () => {
    let ground: OpenedGround;
    beforeAll(async () => {
      ground = await openGround(database, { channel: true });
    });
    afterAll(() => ground[Symbol.asyncDispose]());

    it.each([
      ['submit-begin', 1],
      ['submit-before-commit', 2],
      ['submit-after-commit', 3],
      ['end-after-commit', 4],
    ])('at %s loses no chat message and answers none twice', async (failpoint, chatId) => {
      const said = await crashOnMessage(ground, failpoint, { chatId, timeoutMs: 30_000 });
      expect(said).toEqual(['answer to hello', 'answer to and?']);
    });
  });
});
