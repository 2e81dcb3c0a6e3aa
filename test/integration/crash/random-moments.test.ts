import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openGround, type DatabaseKind } from './open-ground.ts';

const databases: readonly DatabaseKind[] = ['embedded', 'PostgreSQL'];
const hasPostgres = await postgresAvailable();
const rounds = Number(process.env['CRASH_ROUNDS'] ?? 20);
const sessions = ['a', 'b', 'c'];

describe.for(databases)('kill -9 at random moments on the %s database', (database) => {
  it.skipIf(database === 'PostgreSQL' && !hasPostgres)(
    `loses nothing in ${rounds} rounds, and repeats only what was in flight`,
    { timeout: 60_000 + rounds * 15_000 },
    async () => {
      await using ground = await openGround(database);
      const { world } = ground;
      expect(await world.start()).toBe(true);
      const expected: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const texts = sessions.map((session) => `${session}${round}`);
        expected.push(...texts);
        const sent = texts.map((text, index) => world.submit(text, `ses_random${index}`));
        // The moment is the point of this test: a random one.
        const moment = new Promise<void>((resolve) => setTimeout(resolve, randomInt(2, 150)));
        await Promise.all([...sent, moment.then(() => world.ended({ kill: true }))]);
        await world.restart();
        const answers = texts.map((text, index) => world.untilAnswered(text, `ses_random${index}`));
        expect(await Promise.all(answers)).toEqual(texts.map((text) => `answer to ${text}`));
      }
      for (const text of expected) {
        // One kill per round: each step runs once, or once more when it was in flight.
        for (const turn of [1, 2]) expect([1, 2]).toContain(world.modelCalls.get(`${text}/${turn}`));
      }
      expect(world.effects.size).toBe(expected.length);
      for (const session of sessions) {
        const ofSession = (text: string): boolean => text.startsWith(session);
        expect(world.order.filter(ofSession)).toEqual(expected.filter(ofSession));
      }
    },
  );
});
