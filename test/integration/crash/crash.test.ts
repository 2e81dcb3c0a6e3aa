import { randomInt } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { CrashGround } from './crash-ground.ts';

const hasPostgres = await postgresAvailable();
const rounds = Number(process.env['CRASH_ROUNDS'] ?? 10);

/** Moments at which everything that was done is recorded: a crash there costs no second model call. */
const recorded = [
  'submit-after-commit',
  'run-claimed',
  'step-recorded',
  'end-begin',
  'end-before-commit',
  'end-after-commit',
];
/** Moments before anything was acknowledged. */
const unacknowledged = ['submit-begin', 'submit-before-commit'];
/** Between an effect and its record: the step in flight comes twice, at most once per kill. */
const inDoubt = ['step-effect'];

let ground: CrashGround | undefined;
let drop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await ground?.close();
  await drop?.();
  ground = undefined;
  drop = undefined;
});

async function open(database: 'embedded' | 'PostgreSQL'): Promise<CrashGround> {
  const env: Record<string, string> = {};
  if (database === 'PostgreSQL') {
    const created = await createTestDatabase();
    env['DATABASE_URL'] = created.url;
    drop = () => created.drop();
  }
  ground = new CrashGround(env);
  await ground.open();
  return ground;
}

/** Sends the request until it is answered, starting the server again whenever it has gone. */
async function untilAnswered(world: CrashGround, text: string, session: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const answer = await world.submit(text, session);
    if (answer !== undefined) {
      expect(answer).toBe(`answer to ${text}`);
      return;
    }
    await world.ended({ kill: true });
    expect(await world.start()).toBe(true);
  }
  throw new Error(`"${text}" was never answered`);
}

describe.for(['embedded', 'PostgreSQL'] as const)('kill -9 on the %s database', (database) => {
  const available = database === 'embedded' || hasPostgres;
  it.skipIf(!available).each([...unacknowledged, ...recorded, ...inDoubt])(
    'at %s repeats no finished step',
    async (failpoint) => {
      const world = await open(database);
      expect(await world.start(failpoint)).toBe(true);
      await untilAnswered(world, 'one', 'ses_crash');
      await untilAnswered(world, 'two', 'ses_crash');
      const calls = [...world.modelCalls.values()].reduce((sum, count) => sum + count, 0);
      expect(calls - 4).toBe(inDoubt.includes(failpoint) ? 1 : 0);
      expect(world.effects.size).toBe(2);
      expect(world.order).toEqual(['one', 'two']);
    },
  );
});

describe('kill -9 at random moments', () => {
  it(
    `loses nothing in ${rounds} rounds, and repeats only what was in flight`,
    { timeout: 60_000 + rounds * 15_000 },
    async () => {
      const world = await open('embedded');
      expect(await world.start()).toBe(true);
      const expected: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const texts = [`a${round}`, `b${round}`, `c${round}`];
        expected.push(...texts);
        const sent = texts.map((text, index) => world.submit(text, `ses_random${index}`));
        const kill = new Promise<void>((resolve) => setTimeout(resolve, randomInt(5, 150))).then(() =>
          world.ended({ kill: true }),
        );
        await Promise.all([...sent, kill]);
        expect(await world.start()).toBe(true);
        await Promise.all(texts.map((text, index) => untilAnswered(world, text, `ses_random${index}`)));
      }
      for (const text of expected) {
        // One kill per round: each step runs once, or once more when it was in flight.
        for (const turn of [1, 2]) expect(world.modelCalls.get(`${text}/${turn}`)).toBeLessThanOrEqual(2);
        expect(world.modelCalls.get(`${text}/2`)).toBeGreaterThanOrEqual(1);
      }
      expect(world.effects.size).toBe(expected.length);
      for (const session of ['a', 'b', 'c']) {
        expect(world.order.filter((text) => text.startsWith(session))).toEqual(
          expected.filter((text) => text.startsWith(session)),
        );
      }
    },
  );
});
