import path from 'node:path';
import { Pool } from 'undici';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import { redisAvailable, testRedisUrl } from '../src/testing/test-redis.ts';
import { median, type Figure } from './report.ts';
import { ServerProcess } from './server-process.ts';
import { callOf, channelFiles, startBots, type Bot } from './telegram-bots.ts';

const script = path.join(import.meta.dirname, 'channel-server.ts');
const turns = 150;
/** `BENCH_SESSIONS` for fewer. */
const sessions = Number(process.env['BENCH_SESSIONS'] ?? 1_000);
const messages = 10;
const bots = 40;
const timeoutMs = 900_000;

async function send(pool: Pool, call: ReturnType<typeof callOf>): Promise<void> {
  const { statusCode, body } = await pool.request(call);
  await body.dump();
  if (statusCode !== 200) throw new Error(`the webhook answered ${statusCode}`);
}

/** Milliseconds from a message that comes in to its answer at the platform, one message after the other. */
async function roundTrips(env: Readonly<Record<string, string>>): Promise<readonly number[]> {
  // Enough bots that none is held back by its platform's pace.
  const few = await startBots(8);
  const server = await ServerProcess.start(script, { ...env, BENCH_FILES: channelFiles(few) });
  await Promise.all(few.map(({ telegram }) => telegram.waitForCalls('setMyCommands', 1, 60_000)));
  const pool = new Pool(server.url, { connections: 4 });
  const waits: number[] = [];
  try {
    for (let turn = -30; turn < turns; turn += 1) {
      const bot = few[(turn + 30) % few.length];
      if (bot === undefined) throw new Error('no bot');
      const before = bot.telegram.messages.length;
      const begun = performance.now();
      await send(pool, callOf(bot, 10_000 + turn, `message ${turn}`));
      await bot.telegram.waitForMessages(before + 1, 30_000);
      // The first ones warm up.
      if (turn >= 0) waits.push(performance.now() - begun);
    }
  } finally {
    await pool.close();
    await server.stop();
    for (const { telegram } of few) await telegram.stop();
  }
  return waits;
}

interface Played {
  readonly perSecond: number;
  readonly outOfOrder: number;
  readonly slowest: number;
  readonly median: number;
}

/** Every session writes as fast as it is acknowledged, to two servers in turn; waits are from the first word to the last answer. */
async function playSessions(databaseUrl: string): Promise<Played> {
  const all = await startBots(bots);
  const env = { DATABASE_URL: databaseUrl, BENCH_FILES: channelFiles(all) };
  const servers = [await ServerProcess.start(script, env), await ServerProcess.start(script, env)];
  await Promise.all(
    all.map(({ telegram }) => telegram.waitForCalls('setMyCommands', servers.length, 60_000)),
  );
  const pools = servers.map(({ url }) => new Pool(url, { connections: 16 }));
  const begunAt: number[] = [];
  const endedAt: number[] = [];
  const seen: number[] = Array.from({ length: sessions }, () => 0);
  let outOfOrder = 0;
  const read = (bot: Bot): (() => void) => {
    let at = 0;
    return () => {
      for (; at < bot.telegram.messages.length; at += 1) {
        const { chatId = '', text = '' } = bot.telegram.messages[at] ?? {};
        const session = Number(chatId) - 10_000;
        const place = Number(text.split(' ').at(-1));
        if (place !== seen[session]) outOfOrder += 1;
        seen[session] = place + 1;
        if (place === messages - 1) endedAt[session] = performance.now();
      }
    };
  };
  for (const bot of all) bot.telegram.watch.follow(read(bot));
  const begun = performance.now();
  try {
    await Promise.all(
      Array.from({ length: sessions }, async (_unused, session) => {
        begunAt[session] = performance.now();
        for (let message = 0; message < messages; message += 1) {
          const bot = all[session % bots];
          const pool = pools[(session + message) % pools.length];
          if (bot === undefined || pool === undefined) throw new Error('nobody to write to');
          await send(pool, callOf(bot, 10_000 + session, `message ${message}`));
        }
      }),
    );
    const [first] = all;
    await Promise.all(
      all.map(({ telegram }, index) =>
        telegram.waitForMessages(
          Math.ceil((sessions - index) / bots) * messages,
          first === undefined ? 0 : timeoutMs,
        ),
      ),
    );
  } finally {
    for (const pool of pools) await pool.close();
    for (const server of servers) await server.stop();
    for (const { telegram } of all) await telegram.stop();
  }
  const waits = endedAt.map((ended, session) => ended - (begunAt[session] ?? 0));
  return {
    perSecond: (sessions * messages) / ((Math.max(...endedAt) - begun) / 1000),
    outOfOrder,
    slowest: Math.max(...waits),
    median: median(waits),
  };
}

/** From message to answer without a model's time, and many conversations on two servers. */
export async function measureConversations(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const add = (where: string, waits: readonly number[], most: number): void => {
    const p50 = median(waits);
    const p95 = waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.95)] ?? Number.NaN;
    figures.push({
      name: `message in → answer at the platform, instant model, ${where}, p50 / p95`,
      value: `${p50.toFixed(1)} / ${p95.toFixed(1)} ms`,
      goal: `p50 ≤ ${most} ms`,
      met: p50 <= most,
    });
  };
  add('embedded', await roundTrips({}), 15);
  if (!(await postgresAvailable())) return figures;
  const database = await createTestDatabase();
  const redis: Record<string, string> = (await redisAvailable()) ? { REDIS_URL: testRedisUrl } : {};
  add('PostgreSQL and Redis', await roundTrips({ DATABASE_URL: database.url, ...redis }), 25);
  await database.drop();
  const large = await createTestDatabase();
  const played = await playSessions(large.url);
  await large.drop();
  figures.push({
    name: `${sessions} sessions × ${messages} messages, two servers on PostgreSQL: slowest session against the median`,
    value: `${(played.slowest / played.median).toFixed(2)}× (${played.outOfOrder} out of order, ${Math.round(played.perSecond)} answers/s)`,
    goal: '≤ 3×, in order',
    met: played.outOfOrder === 0 && played.slowest <= 3 * played.median,
  });
  return figures;
}
