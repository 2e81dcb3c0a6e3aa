import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../src/base/index.ts';
import { FakeReceiver } from '../../../src/testing/channels.ts';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import { channelDefinition, type ChannelDefinition } from '../../../src/protocol/index.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

const conversations = 160;

let ground: ChannelGround;
let receivers: FakeReceiver[];

const webhook = (name: string, url: string): ChannelDefinition =>
  channelDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Channel',
    metadata: { name },
    spec: { platform: 'webhook', agent: 'echo', signature: { scheme: 'none' }, reply: { url } },
  });

const startReceiver = async (): Promise<FakeReceiver> => {
  const receiver = await FakeReceiver.start();
  receivers.push(receiver);
  return receiver;
};

const ask = (channel: string, chatId: string, message: string, platform = 'webhook', accountId = channel) =>
  ground.runs.submit(
    { tenant: 'default', principal: 'test', scopes: ['admin'] },
    {
      source: platform,
      target: { kind: 'agent', name: 'echo' },
      input: { message },
      sessionKey: `${channel}:${chatId}`,
      dedupeKey: null,
      replyTo: { channel, platform, accountId, chatId },
      timeoutMs: null,
      metadata: {},
    },
  );

const outbox = () =>
  ground.storage.db
    .selectFrom('outbox')
    .select(['status', 'cursor', 'attempts', 'last_error'])
    .orderBy(sql`reply_to->>'platform'`, 'desc')
    .orderBy('created_at')
    .execute();

const untilQueued = (count: number) =>
  expect.poll(async () => (await outbox()).length, { timeout: 60_000, interval: 100 }).toBe(count);

const textsOf = ({ posts }: FakeReceiver): readonly string[] =>
  posts.map(({ body }) => (JSON.parse(body) as { content: string }).content);

const withPostgres = await postgresAvailable();

describe.each([
  { title: 'embedded', postgres: false, skip: false },
  {
    title: withPostgres ? 'on PostgreSQL' : 'on PostgreSQL (not reachable)',
    postgres: true,
    skip: !withPostgres,
  },
])('slots of deliveries, $title', ({ postgres, skip }) => {
  let database: TestDatabase | undefined;
  beforeEach(async (context) => {
    context.skip(skip);
    receivers = [];
    database = postgres ? await createTestDatabase() : undefined;
    ground = await startChannelGround(database?.url);
  });
  afterEach(async () => {
    if (skip) return;
    for (const receiver of receivers) await receiver.stop();
    await ground.close();
    await database?.drop();
  });

  it.each([
    { how: 'refuses everything', usual: { status: 503 } },
    { how: 'never answers', usual: 'hang' },
  ] as const)('a receiver that $how does not hold up another one', async ({ usual }) => {
    const [dead, live] = [await startReceiver(), await startReceiver()];
    dead.usual = usual;
    const definitions = [webhook('dead', dead.url), webhook('live', live.url)];
    const others = Array.from({ length: conversations }, (_unused, index) =>
      ask('dead', `c${index}`, 'nobody hears this'),
    );
    await Promise.all(others);
    await untilQueued(conversations);
    await ask('live', 'c', 'first');
    await untilQueued(conversations + 1);
    await ground.startHub(definitions, { clock: systemClock });
    const startedAt = systemClock.now();
    await live.waitFor(1);
    await ask('live', 'c', 'second');
    await live.waitFor(2);
    expect(systemClock.now() - startedAt).toBeLessThan(10_000);
    expect(textsOf(live)).toEqual(['echo: first', 'echo: second']);
    expect(dead.posts.length).toBeGreaterThan(0);
  });

  it('keeps the order of a conversation and its parts over a wait and a restart', async () => {
    const receiver = await startReceiver();
    const asked = { status: 429, headers: { 'retry-after': '6' } };
    receiver.answers.push(asked);
    const definitions = [webhook('hook', receiver.url), ground.define()];
    const parts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(4000));
    ground.executor.answer = (message) =>
      Promise.resolve(message === 'long' ? parts.join('\n\n') : `echo: ${message}`);
    ground.telegram.failNext(
      'sendMessage',
      { kind: 'slow', delayMs: 0 },
      { kind: 'slow', delayMs: 0 },
      { kind: 'rate-limit', retryAfterSeconds: 6 },
    );
    const hub = await ground.startHub(definitions, { clock: systemClock });
    await ask('hook', 'one', '1');
    await ask('telegram', '7', 'long', 'telegram', '4242');
    await receiver.waitFor(1);
    await ground.telegram.waitForCalls('sendMessage', 3);
    const waitsFrom = systemClock.now();
    // Both have left their slots; neither wait is a failure.
    const paused = { status: 'queued', attempts: 0 };
    await expect.poll(outbox).toMatchObject([
      { ...paused, cursor: 0, last_error: expect.stringContaining('429') },
      { ...paused, cursor: 2 },
    ]);
    expect(await ground.queue.depth('deliveries')).toEqual({ waiting: 2, active: 0 });
    for (const message of ['2', '3']) {
      await ask('hook', 'one', message);
      await ask('telegram', '7', message, 'telegram', '4242');
    }
    await untilQueued(6);
    await hub.stop();
    const { storage } = ground;
    const queue = new PgBossQueue({ storage, clock: systemClock, logger: silentLogger });
    await queue.start();
    await ground.startHub(definitions, { clock: systemClock, queue });
    await receiver.waitFor(4);
    expect(systemClock.now() - waitsFrom).toBeGreaterThan(5000);
    await ground.telegram.waitForMessages(6);
    expect(textsOf(receiver)).toEqual(['echo: 1', 'echo: 1', 'echo: 2', 'echo: 3']);
    expect(ground.telegram.messages.map(({ text }) => text)).toEqual([...parts, 'echo: 2', 'echo: 3']);
    await expect
      .poll(async () => (await outbox()).map(({ status }) => status))
      .toEqual(Array(6).fill('sent'));
    await queue.stop();
  });

  it('holds the whole account while its platform asks for that, without a slot', async () => {
    const { telegram } = ground;
    telegram.failNext('sendMessage', { kind: 'rate-limit', retryAfterSeconds: 6 });
    await ground.startHub([ground.define()], { clock: systemClock });
    await ask('telegram', '7', 'one', 'telegram', '4242');
    await telegram.waitForCalls('sendMessage', 1);
    const askedAt = systemClock.now();
    await ask('telegram', '8', 'two', 'telegram', '4242');
    await expect
      .poll(outbox)
      .toMatchObject([
        { status: 'queued', last_error: expect.stringContaining('Too Many Requests') },
        { status: 'queued' },
      ]);
    await expect.poll(() => ground.queue.depth('deliveries')).toEqual({ waiting: 2, active: 0 });
    expect(telegram.callsOf('sendMessage')).toHaveLength(1);
    await telegram.waitForMessages(2);
    expect(systemClock.now() - askedAt).toBeGreaterThan(5000);
    expect(await outbox()).toMatchObject([{ attempts: 0 }, { attempts: 0 }]);
  });

  it('counts failures over its waits, and ends with the dead letters', async () => {
    const down = { kind: 'error', status: 500, description: 'Internal' } as const;
    ground.telegram.failNext('sendMessage', down, down, down);
    const delivery = { maxAttempts: 3, backOffMs: 400, longestHoldMs: 100 };
    await ground.startHub([ground.define()], { clock: systemClock, delivery });
    await ask('telegram', '7', '1', 'telegram', '4242');
    await expect
      .poll(outbox, { timeout: 20_000 })
      .toMatchObject([
        { status: 'failed', attempts: 3, last_error: expect.stringContaining('given up after 3 attempts') },
      ]);
    expect(ground.telegram.callsOf('sendMessage')).toHaveLength(3);
    const letters = await ground.storage.db.selectFrom('dead_letters').select('kind').execute();
    expect(letters).toEqual([{ kind: 'delivery' }]);
    await ask('telegram', '7', '2', 'telegram', '4242');
    const [message] = await ground.telegram.waitForMessages(1);
    expect(message?.text).toBe('echo: 2');
  });
});
