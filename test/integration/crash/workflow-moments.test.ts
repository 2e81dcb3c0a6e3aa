import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openGround, type DatabaseKind } from './open-ground.ts';
import { tourFiles, TourGuide } from './workflow-tour.ts';

const databases: readonly DatabaseKind[] = ['embedded', 'PostgreSQL'];
const hasPostgres = await postgresAvailable();
const rounds = Number(process.env['CRASH_ROUNDS'] ?? 20);

describe.for(databases)('kill -9 under a workflow on the %s database', (database) => {
  it.skipIf(database === 'PostgreSQL' && !hasPostgres)(
    `loses no step and repeats none that had finished in ${rounds} rounds`,
    { timeout: 60_000 + rounds * 20_000 },
    async () => {
      await using ground = await openGround(database, { files: tourFiles });
      const { world } = ground;
      expect(await world.start()).toBe(true);
      const guide = new TourGuide(world);
      for (let round = 0; round < rounds; round += 1) {
        const text = `t${round}`;
        // A moment between the start and some time after the end; it is random, that is the point.
        const begun = guide.begin(text);
        await new Promise<void>((resolve) => setTimeout(resolve, randomInt(2, 400)));
        await world.ended({ kill: true });
        await world.restart();
        await begun;
        const run = await guide.untilEnded(text);
        expect(run.status, JSON.stringify(run.error)).toBe('completed');
        expect(run.output).toEqual({
          answer: `answer to ${text}`,
          loop: [1, 4, 9, 16],
          inner: `inner of ${text}`,
          approvedBy: expect.stringMatching(/^key:/),
        });
      }
      // Each key stands for one step: an effect of a step that had finished never comes again.
      expect(world.effects.size).toBe(rounds * guide.effectsPerTour);
      for (const [key, times] of world.effects) expect(times, key).toBeLessThanOrEqual(2);
      for (let round = 0; round < rounds; round += 1)
        for (const turn of [1, 2]) expect([1, 2]).toContain(world.modelCalls.get(`t${round}/${turn}`));
    },
  );
});
