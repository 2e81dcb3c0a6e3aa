import { afterEach, describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { redisServerAvailable } from '../streams/own-redis.ts';
import { ChaosGround } from './chaos-ground.ts';
import { lateTyping, lookAtChats, play, type ChaosEvent, type ChaosSize } from './chaos-play.ts';
import { natsServerAvailable } from './own-nats.ts';

const possible = (await postgresAvailable()) && redisServerAvailable() && natsServerAvailable();
/** `CHAOS_SIZE=40x100` for the full size, `CHAOS_SEED=7` for other dice. */
const [sessions = 12, messages = 10] = (process.env['CHAOS_SIZE'] ?? '12x10').split('x').map(Number);
const seed = Number(process.env['CHAOS_SEED'] ?? 33);
const size: ChaosSize = { sessions, messages };
/** Longer than a job stays with a process that shows no life. */
const frozenMs = 7500;
const timeoutMs = 60_000 + size.sessions * size.messages * 50;
/** How often Telegram's "typing" is repeated, and some time for a slow machine. */
const typingMs = 5000;

const events: readonly ChaosEvent[] = [
  { at: 0.1, happens: (ground) => ground.replace(0) },
  {
    at: 0.25,
    async happens({ redis, nats }) {
      await redis.kill();
      await redis.restart();
      await redis.client.flushall();
      await nats.restart({ empty: true });
    },
  },
  { at: 0.4, happens: (ground) => ground.freeze(1, frozenMs) },
  { at: 0.6, happens: (ground) => ground.replace(2) },
  { at: 0.75, happens: (ground) => ground.freeze(0, frozenMs) },
  { at: 0.9, happens: (ground) => ground.replace(1) },
];

let ground: ChaosGround;
afterEach(() => ground.close());

async function open(busy: 'followup' | 'collect'): Promise<void> {
  ground = await ChaosGround.open({ seed, busy });
  const { habits, names } = ground.platforms;
  for (const name of names) {
    habits[name].retryDelaysMs = [0, 100, 200];
    habits[name].ackTimeoutMs = 3000;
    habits[name].duplicates = 0.2;
    habits[name].mostJitterMs = 60;
  }
  await ground.serve(0);
  await Promise.all([ground.serve(1), ground.serve(2)]);
}

describe.skipIf(!possible)(
  `three servers, ${sessions} × ${messages} messages, seed ${seed} (skipped without PostgreSQL, redis-server and nats-server)`,
  () => {
    it('answers every message once and in order, whatever is killed, halted, wiped, doubled or cut off', async () => {
      await open('followup');
      const record = await play(ground, size, { seed, events, timeoutMs });
      // Whoever still thinks that a run goes on would show it now.
      await new Promise((resolve) => setTimeout(resolve, typingMs));
      const { wrong, doubled } = lookAtChats(ground, record);
      const { platforms, interruptedSends: interrupted } = ground;
      const { ambiguousSends: ambiguous } = platforms;
      process.stderr.write(
        `${JSON.stringify({ seconds: Math.round(record.milliseconds / 100) / 10, faults: record.faults, calls: platforms.calls, doubled, ambiguous, interrupted })}\n`,
      );
      expect(wrong).toEqual([]);
      expect(doubled.discord).toBe(0);
      expect(doubled.telegram).toBeLessThanOrEqual(ambiguous.telegram + interrupted.telegram);
      expect(doubled.slack).toBeLessThanOrEqual(ambiguous.slack + interrupted.slack);
      expect(await ground.unfinished()).toEqual([]);
      expect(await ground.accepted()).toBe(size.sessions * size.messages);
      expect(lateTyping(ground, record, typingMs / 2)).toEqual([]);
    }, 600_000);
  },
);
