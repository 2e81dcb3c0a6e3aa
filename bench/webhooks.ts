import path from 'node:path';
import { Client, Pool as DatabasePool } from 'pg';
import { Pool } from 'undici';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import { median, type Figure } from './report.ts';
import { ServerProcess } from './server-process.ts';
import { callOf, channelFiles, startBots, type Bot } from './telegram-bots.ts';

const script = path.join(import.meta.dirname, 'channel-server.ts');
const atOnce = 64;
/** `BENCH_WEBHOOKS` for fewer. */
const perRound = Number(process.env['BENCH_WEBHOOKS'] ?? 3_000);
const rounds = 3;
const pace = 500;
const pacedMs = 4_000;
const chats = 1_000;

/** The share of the sorted values below which so many lie. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

let next = 0;

/** One webhook until its 200; returns milliseconds. */
async function post(pool: Pool, bot: Bot): Promise<number> {
  next += 1;
  const call = callOf(bot, 10_000 + (next % chats), `message ${next}`);
  const begun = performance.now();
  const { statusCode, body } = await pool.request(call);
  await body.dump();
  if (statusCode !== 200) throw new Error(`the webhook answered ${statusCode}`);
  return performance.now() - begun;
}

/** Does something so often, so many at a time; returns the rate per second. */
async function rateOf(count: number, work: () => Promise<unknown>): Promise<number> {
  let left = count;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        left -= 1;
        await work();
      }
    }),
  );
  return count / ((performance.now() - begun) / 1000);
}

/** Sends at a steady pace, whatever comes back; returns the latencies. */
async function paced(pool: Pool, bot: Bot): Promise<readonly number[]> {
  const begun = performance.now();
  const calls: Promise<number>[] = [];
  while (performance.now() - begun < pacedMs) {
    const due = ((performance.now() - begun) / 1000) * pace;
    while (calls.length < due) calls.push(post(pool, bot));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return Promise.all(calls);
}

interface Measured {
  readonly rate: number;
  readonly cpuMs: number;
  readonly p50: number;
  readonly p99: number;
}

async function measureServer(env: Readonly<Record<string, string>>): Promise<Measured> {
  const [bot] = await startBots(1);
  if (bot === undefined) throw new Error('no bot');
  // Nothing is executed beside it: this is about the way in.
  const server = await ServerProcess.start(script, {
    ...env,
    AGENT33_WORKER: 'false',
    BENCH_FILES: channelFiles([bot]),
  });
  await bot.telegram.waitForCalls('setMyCommands', 1, 60_000);
  const pool = new Pool(server.url, { connections: atOnce });
  try {
    await rateOf(perRound / 2, () => post(pool, bot));
    const rates: number[] = [];
    const cpu = server.cpuMs();
    for (let round = 0; round < rounds; round += 1) rates.push(await rateOf(perRound, () => post(pool, bot)));
    const cpuMs = (server.cpuMs() - cpu) / (rounds * perRound);
    const waits: (readonly number[])[] = [];
    for (let round = 0; round < rounds; round += 1) waits.push(await paced(pool, bot));
    const medianOf = (share: number): number => median(waits.map((one) => quantile(one, share)));
    return { rate: median(rates), cpuMs, p50: medianOf(0.5), p99: medianOf(0.99) };
  } finally {
    await pool.close();
    await server.stop();
    await bot.telegram.stop();
  }
}

/** One-row INSERTs, as many at once on ten connections. */
async function insertRate(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('create table bare (id bigint primary key, message jsonb, at timestamptz)');
  await client.end();
  const pool = new DatabasePool({ connectionString: url, max: 10 });
  // The database is dropped while its last connections close.
  pool.on('error', () => {});
  const message = JSON.stringify({ text: 'x'.repeat(400) });
  let id = 0;
  const insert = () => pool.query('insert into bare values ($1, $2, now())', [(id += 1), message]);
  await rateOf(perRound / 2, insert);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) rates.push(await rateOf(perRound, insert));
  await pool.end();
  return median(rates);
}

/** Webhook → durable → 200, on both databases. */
export async function measureWebhooks(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  if (await postgresAvailable()) {
    const database = await createTestDatabase();
    const { rate, cpuMs, p50, p99 } = await measureServer({ DATABASE_URL: database.url });
    const bare = await insertRate(database.url);
    await database.drop();
    figures.push(
      {
        name: 'webhook → durable → 200 on PostgreSQL, against one-row INSERTs at once',
        value: `${(rate / bare).toFixed(2)}× (${Math.round(rate)} of ${Math.round(bare)}/s; server CPU ${cpuMs.toFixed(2)} ms)`,
        goal: '≥ 2000/s',
        met: rate >= 2000,
      },
      {
        name: `same, at ${pace}/s, p50 / p99`,
        value: `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`,
        goal: 'p99 ≤ 20 ms',
        met: p99 <= 20,
      },
    );
  }
  const { rate, cpuMs, p50, p99 } = await measureServer({});
  figures.push(
    {
      name: 'webhook → durable → 200, embedded',
      value: `${Math.round(rate)}/s (server CPU ${cpuMs.toFixed(2)} ms)`,
      goal: '≥ 500/s',
      met: rate >= 500,
    },
    {
      name: `same, at ${pace}/s, p50 / p99`,
      value: `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`,
      goal: 'p99 ≤ 50 ms',
      met: p99 <= 50,
    },
  );
  return figures;
}
