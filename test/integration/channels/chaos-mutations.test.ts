import { describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { mutateSource, type Mutation } from '../crash/mutated-source.ts';
import { redisServerAvailable } from '../streams/own-redis.ts';
import { ChaosGround } from './chaos-ground.ts';
import { isWhole, lookAtChats, play } from './chaos-play.ts';
import { natsServerAvailable } from './own-nats.ts';

const possible = (await postgresAvailable()) && redisServerAvailable() && natsServerAvailable();
const timeoutMs = 60_000;

/** One server in which one thing is wrong, or none. */
async function onGround<T>(
  mutation: Mutation | undefined,
  work: (ground: ChaosGround) => Promise<T>,
): Promise<T> {
  await using source =
    mutation === undefined ? undefined : await mutateSource(mutation, 'test/integration/channels');
  const ground = await ChaosGround.open(source === undefined ? {} : { root: source.root });
  try {
    await ground.serve(0);
    return await work(ground);
  } finally {
    await ground.close();
  }
}

/** Sends every event twice; returns how often the bot said something again. */
function doubleAll(mutation: Mutation): Promise<number> {
  return onGround(mutation, async (ground) => {
    for (const name of ground.platforms.names) ground.platforms.habits[name].duplicates = 1;
    const size = { sessions: 3, messages: 3 };
    const record = await play(ground, size, { events: [], timeoutMs });
    await ground.settled();
    const { doubled } = lookAtChats(ground, record);
    return doubled.telegram + doubled.slack + doubled.discord;
  });
}

/** Kills the server between two messages of one answer; returns how often the bot said something again. */
function killBetweenChunks(mutation?: Mutation): Promise<number> {
  return onGround(mutation, async (ground) => {
    const { platforms } = ground;
    let sends = 0;
    let isKilled = false;
    platforms.disturb((_platform, kind) => {
      if (kind !== 'send' || isKilled) return undefined;
      sends += 1;
      return sends === 1 ? undefined : { kind: 'cut-before' };
    });
    const said = await platforms.say('telegram', 0, 's000-m0000-long');
    await platforms.watch.until(() => sends > 1, 'the second message of the answer', timeoutMs);
    await ground.replace(0);
    isKilled = true;
    await platforms.watch.until(() => isWhole(ground, said), 'the whole answer', timeoutMs);
    return lookAtChats(ground, { said: [[said]], faults: {}, milliseconds: 0 }).doubled.telegram;
  });
}

// What looks at the chats can see what is wrong: with these faults in the sources it does.
describe.skipIf(!possible)('chaos (skipped without PostgreSQL, redis-server and nats-server)', () => {
  it('notices that an event which comes twice is answered twice', async () => {
    const mutation = {
      file: 'src/entrypoints/channels/turn-request.ts',
      from: 'dedupeKey: first.dedupe_key,',
      to: 'dedupeKey: `${first.dedupe_key}:${Math.random()}`,',
    };
    expect(await doubleAll(mutation)).toBeGreaterThan(0);
  }, 300_000);

  it('notices that an answer begins anew after a crash', async () => {
    expect(await killBetweenChunks()).toBe(0);
    const mutation = {
      file: 'src/entrypoints/channels/delivery-store.ts',
      from: 'update outbox set cursor = ${cursor + 1}::int,',
      to: 'update outbox set cursor = ${cursor}::int,',
    };
    expect(await killBetweenChunks(mutation)).toBeGreaterThan(0);
  }, 300_000);
});
