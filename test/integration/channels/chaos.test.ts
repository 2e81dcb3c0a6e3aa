import { afterEach, describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { redisServerAvailable } from '../streams/own-redis.ts';
import { ChaosGround } from './chaos-ground.ts';
import {
  lateTyping,
  lookAtChats,
  play,
  type ChaosEvent,
  type ChaosRecord,
  type ChaosSize,
} from './chaos-play.ts';
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

const wipe: ChaosEvent['happens'] = async ({ redis, nats }) => {
  await redis.kill();
  await redis.restart();
  await redis.client.flushall();
  await nats.restart({ empty: true });
};
const few: readonly ChaosEvent[] = [
  { at: 0.1, happens: (ground) => ground.replace(0) },
  { at: 0.25, happens: wipe },
  { at: 0.4, happens: (ground) => ground.freeze(1, frozenMs) },
  { at: 0.7, happens: (ground) => ground.replace(2) },
];
const many: readonly ChaosEvent[] = Array.from({ length: 12 }, (_unused, index) => ({
  at: 0.05 + index * 0.075,
  happens: (ground) =>
    index % 3 === 0
      ? ground.replace(index % 2)
      : index % 3 === 1
        ? ground.freeze(1 + (index % 2), frozenMs)
        : index === 5
          ? wipe(ground)
          : ground.replace(2),
}));
const events = sessions * messages > 200 ? many : few;

let ground: ChaosGround;
afterEach(() => ground.close());

async function open(busy: 'followup' | 'collect'): Promise<void> {
  ground = await ChaosGround.open({ seed, busy });
  const { habits, names } = ground.platforms;
  for (const name of names) {
    habits[name].retryDelaysMs = [0, 100, 200];
    habits[name].ackTimeoutMs = 3000;
    habits[name].duplicates = 0.3;
    habits[name].mostJitterMs = 60;
  }
  await ground.serve(0);
  await Promise.all([ground.serve(1), ground.serve(2)]);
}

function report(record: ChaosRecord, doubled: Readonly<Record<string, number>>): void {
  const { platforms, interruptedSends: interrupted } = ground;
  const seconds = Math.round(record.milliseconds / 100) / 10;
  const { calls, ambiguousSends: ambiguous } = platforms;
  const figures = { seconds, faults: record.faults, calls, doubled, ambiguous, interrupted };
  process.stderr.write(`chaos: ${JSON.stringify(figures)}\n`);
}

describe.skipIf(!possible)(
  `three servers, ${sessions} × ${messages} messages, seed ${seed} (skipped without PostgreSQL, redis-server and nats-server)`,
  () => {
    it('answers every message once and in order, whatever is killed, halted, wiped, doubled or cut off', async () => {
      await open('followup');
      const record = await play(ground, size, { seed, events, timeoutMs, longEvery: 5 });
      // Whoever still thinks that a run goes on would show it now.
      await new Promise((resolve) => setTimeout(resolve, typingMs));
      // People have their answers; a send whose confirmation was cut off may still be repeated.
      await expect.poll(() => ground.unfinished(), { timeout: 60_000 }).toEqual([]);
      const { wrong, doubled } = lookAtChats(ground, record);
      report(record, doubled);
      const { platforms, interruptedSends: interrupted } = ground;
      const { ambiguousSends: ambiguous } = platforms;
      expect(wrong).toEqual([]);
      expect(doubled.discord).toBe(0);
      expect(doubled.telegram).toBeLessThanOrEqual(ambiguous.telegram + interrupted.telegram);
      expect(doubled.slack).toBeLessThanOrEqual(ambiguous.slack + interrupted.slack);
      expect(doubled.whatsapp).toBeLessThanOrEqual(ambiguous.whatsapp + interrupted.whatsapp);
      expect(await ground.accepted()).toBe(size.sessions * size.messages);
      expect(lateTyping(ground, record, typingMs / 2)).toEqual([]);
    }, 1_200_000);

    it('collects what comes while an answer is in progress, and answers all of it once and in order', async () => {
      await open('collect');
      const record = await play(ground, size, { seed: seed + 1, events: few.slice(0, 1), timeoutMs });
      // People have their answers; a send whose confirmation was cut off may still be repeated.
      await expect.poll(() => ground.unfinished(), { timeout: 60_000 }).toEqual([]);
      const { wrong, doubled } = lookAtChats(ground, record);
      report(record, doubled);
      const { platforms, interruptedSends: interrupted } = ground;
      const { ambiguousSends: ambiguous } = platforms;
      expect(wrong).toEqual([]);
      expect(doubled.discord).toBe(0);
      expect(doubled.telegram).toBeLessThanOrEqual(ambiguous.telegram + interrupted.telegram);
      expect(doubled.slack).toBeLessThanOrEqual(ambiguous.slack + interrupted.slack);
      expect(doubled.whatsapp).toBeLessThanOrEqual(ambiguous.whatsapp + interrupted.whatsapp);
      expect(await ground.accepted()).toBe(size.sessions * size.messages);
      expect(await ground.turns()).toBeLessThan(size.sessions * size.messages);
    }, 1_200_000);
  },
);
