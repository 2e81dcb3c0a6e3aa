import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { breakable, startChannelGround, type ChannelGround } from './channel-ground.ts';

let ground: ChannelGround;
beforeEach(async () => {
  ground = await startChannelGround();
});
afterEach(() => ground.close());

const offset = async (): Promise<unknown> => {
  const row = await ground.storage.db
    .selectFrom('channel_state')
    .select('value')
    .where('key', '=', 'offset')
    .executeTakeFirst();
  return row?.value;
};

describe('Telegram by long polling', () => {
  it('answers a message and remembers how far it has read', async () => {
    const hub = await ground.startHub([ground.define()]);
    const update = ground.telegram.userSays({ chatId: 7, text: 'hello' });
    const [message] = await ground.telegram.waitForMessages(1);
    expect(message).toMatchObject({
      chatId: '7',
      text: 'echo: hello',
      parseMode: 'HTML',
      replyTo: undefined,
    });
    await ground.telegram.waitUntilConfirmed();
    expect(await offset()).toBe(update + 1);
    expect(hub.list()).toMatchObject([{ name: 'telegram', status: 'up', error: null, accountId: '4242' }]);
    expect(hub.list()[0]?.lastInAt).not.toBeNull();
    expect(ground.executor.inputs[0]?.principal).toBe('telegram:4242:7');
  });

  it.each([
    ['a NUL character', 'a\0b'],
    ['half a character', 'a\ud83db'],
    ['every control character', String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code)) + 'x'],
  ])('answers a text with %s, and what comes after it', async (_name, text) => {
    await ground.startHub([ground.define()]);
    ground.telegram.userSays({ chatId: 7, text });
    ground.telegram.userSays({ chatId: 7, text: 'next' });
    const messages = await ground.telegram.waitForMessages(2);
    expect(messages[0]?.text).toContain('echo: ');
    expect(messages[1]?.text).toBe('echo: next');
    await ground.telegram.waitUntilConfirmed();
  });

  it('does not move its offset before the message is durable, and answers it once afterwards', async () => {
    const runs = breakable(ground.runs);
    await ground.startHub([ground.define()], { runs });
    ground.telegram.userSays({ chatId: 7, text: 'first' });
    await ground.telegram.waitForMessages(1);
    const before = await offset();
    runs.broken = true;
    ground.telegram.userSays({ chatId: 7, text: 'second' });
    await ground.telegram.waitUntil(() => runs.refused >= 3, 'three refused submits');
    expect(await offset()).toBe(before);
    expect(ground.telegram.unconfirmed).toBe(1);
    runs.broken = false;
    await ground.telegram.waitForMessages(2);
    await ground.telegram.waitUntilConfirmed();
    expect(ground.telegram.messages.map((message) => message.text)).toEqual(['echo: first', 'echo: second']);
  });

  it('starts one run for an update that comes again and again', async () => {
    const hub = await ground.startHub([ground.define()]);
    ground.telegram.userSays({ chatId: 7, text: 'once' });
    await ground.telegram.waitForMessages(1);
    // Without its memory of the offset the bot gets everything again.
    await hub.stop();
    await ground.storage.db.deleteFrom('channel_state').where('key', '=', 'offset').execute();
    ground.telegram.redeliver();
    await ground.startHub([ground.define()]);
    ground.telegram.userSays({ chatId: 7, text: 'next' });
    await ground.telegram.waitForMessages(2);
    expect(await ground.count('runs')).toBe(2);
    expect(ground.telegram.messages.map((message) => message.text)).toEqual(['echo: once', 'echo: next']);
  });

  it('answers what was written while it was stopped, in the order it was written', async () => {
    const texts = Array.from({ length: 12 }, (_, index) => `message ${index}`);
    for (const text of texts) ground.telegram.userSays({ chatId: 7, text });
    await ground.startHub([ground.define()]);
    const messages = await ground.telegram.waitForMessages(texts.length, 30_000);
    expect(messages.map((message) => message.text)).toEqual(texts.map((text) => `echo: ${text}`));
  });

  it('survives lost connections, refusals and slow answers of the platform', async () => {
    ground.telegram.failNext(
      'getMe',
      { kind: 'cut-before' },
      { kind: 'error', status: 502, description: 'Bad Gateway' },
    );
    ground.telegram.failNext(
      'getUpdates',
      { kind: 'cut-before' },
      { kind: 'rate-limit', retryAfterSeconds: 1 },
      { kind: 'error', status: 500, description: 'Internal' },
      { kind: 'cut-after' },
    );
    await ground.startHub([ground.define()]);
    ground.telegram.userSays({ chatId: 7, text: 'patience' });
    await ground.telegram.waitForMessages(1);
    expect(await ground.count('runs')).toBe(1);
  });

  it.each([
    ['getMe', 401, 'Unauthorized'],
    ['getUpdates', 409, 'Conflict: terminated by other getUpdates request'],
  ])(
    'is down after %s answered %i, says why and disturbs no other channel',
    async (method, status, description) => {
      ground.telegram.failNext(method, { kind: 'error', status, description });
      const hub = await ground.startHub([ground.define({}, 'broken')]);
      await expect.poll(() => hub.list()[0]?.status).toBe('down');
      expect(hub.list()[0]).toMatchObject({ status: 'down', error: expect.stringContaining(description) });
      expect(hub.list()[0]?.error).not.toContain(ground.telegram.token);
      expect(await hub.health()).toMatchObject({ status: 'degraded' });
      await hub.apply([
        ground.define({}, 'broken'),
        ground.define({ token: 'nonsense' }, 'worse'),
        ground.define({}, 'works'),
      ]);
      ground.telegram.userSays({ chatId: 7, text: 'still there?' });
      await ground.telegram.waitForMessages(1);
      const statuses = Object.fromEntries(hub.list().map((channel) => [channel.name, channel.status]));
      expect(statuses).toEqual({ broken: 'down', works: 'up', worse: 'down' });
    },
  );

  it('polls a bot from one process at a time; another one takes over', async () => {
    const first = await ground.startHub([ground.define()]);
    await ground.telegram.waitForCalls('getUpdates', 1);
    const second = await ground.startHub([ground.define()]);
    await expect.poll(() => second.list()[0]?.status).toBe('standby');
    ground.telegram.userSays({ chatId: 7, text: 'one' });
    await ground.telegram.waitForMessages(1);
    expect(second.list()[0]?.lastInAt).toBeNull();
    await first.stop();
    ground.telegram.userSays({ chatId: 7, text: 'two' });
    await ground.telegram.waitForMessages(2);
    expect(second.list()[0]).toMatchObject({ status: 'up' });
    expect(await ground.count('runs')).toBe(2);
  });
});

describe('who is answered', () => {
  it('says nothing to strangers, not even to their commands', async () => {
    await ground.startHub([ground.define({ access: { dm: 'allowlist', users: ['8'] } })]);
    ground.telegram.userSays({ chatId: 7, text: 'let me in' });
    ground.telegram.userSays({ chatId: 7, text: '/help' });
    ground.telegram.userSays({ chatId: 8, text: 'hello' });
    await ground.telegram.waitForMessages(1);
    await ground.telegram.waitUntilConfirmed();
    expect(ground.telegram.messages.map((message) => message.chatId)).toEqual(['8']);
    expect(await ground.count('runs')).toBe(1);
  });

  it('answers in allowed groups when mentioned or replied to, names the sender, and quotes the message', async () => {
    await ground.startHub([ground.define({ access: { groups: 'allowlist', chats: ['-50'] } })]);
    const bot = { id: 4242, is_bot: true };
    const mention = { entities: [{ type: 'mention', offset: 0, length: 12 }] };
    ground.telegram.userSays({ chatId: -50, userId: 7, text: 'just talking' });
    ground.telegram.userSays({ chatId: -51, userId: 7, text: '@agent33_bot hi', extra: mention });
    ground.telegram.userSays({
      chatId: -50,
      userId: 7,
      firstName: 'Ann [x]:',
      text: '@agent33_bot hi',
      extra: mention,
    });
    ground.telegram.userSays({
      chatId: -50,
      userId: 8,
      firstName: 'Ben',
      text: 'and me?',
      extra: { reply_to_message: { message_id: 1, from: bot }, message_thread_id: 3, is_topic_message: true },
    });
    const messages = await ground.telegram.waitForMessages(2);
    expect(ground.executor.inputs.map((input) => input.message).toSorted()).toEqual([
      'Ann x: hi',
      'Ben: and me?',
    ]);
    expect(messages.every((message) => message.chatId === '-50' && message.replyTo !== undefined)).toBe(true);
    expect(messages.find((message) => message.text.includes('Ben'))?.threadId).toBe(3);
    const keys = await ground.storage.db.selectFrom('sessions').select('key').orderBy('key').execute();
    expect(keys.map((row) => row.key)).toEqual(['telegram:4242:-50', 'telegram:4242:-50:topic:3']);
  });

  it('answers politely to what it cannot read, and shows files as placeholders beside a caption', async () => {
    await ground.startHub([ground.define({ files: { read: false } })]);
    const photo = [{ file_id: 'small' }, { file_id: 'large' }];
    ground.telegram.userSays({ chatId: 7, extra: { photo } });
    ground.telegram.userSays({ chatId: 7, extra: { new_chat_title: 'service message' } });
    ground.telegram.userSays({ chatId: 7, extra: { photo, caption: 'what is this?' } });
    const messages = await ground.telegram.waitForMessages(2);
    expect(messages.some((message) => message.text.startsWith('I can read text only'))).toBe(true);
    expect(ground.executor.inputs.map((input) => input.message)).toEqual([
      'what is this?\n[image attached; its content is not available]',
    ]);
  });
});

describe('commands', () => {
  it('explains itself, begins a new conversation and stops a running answer', async () => {
    await ground.startHub([ground.define()]);
    ground.telegram.userSays({ chatId: 7, text: '/help' });
    expect((await ground.telegram.waitForMessages(1))[0]?.text).toContain('/stop');
    ground.telegram.userSays({ chatId: 7, text: 'one' });
    await ground.telegram.waitForMessages(2);
    ground.telegram.userSays({ chatId: 7, text: '/new' });
    await ground.telegram.waitForMessages(3);
    ground.telegram.userSays({ chatId: 7, text: 'two' });
    await ground.telegram.waitForMessages(4);
    const [one, two] = ground.executor.inputs;
    expect(one?.sessionId).not.toBe(two?.sessionId);

    const started = Promise.withResolvers<void>();
    ground.executor.answer = (_message, context) =>
      new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
        started.resolve();
      });
    ground.telegram.userSays({ chatId: 7, text: 'think for ever' });
    await started.promise;
    ground.telegram.userSays({ chatId: 7, text: '/stop' });
    expect((await ground.telegram.waitForMessages(5)).at(-1)?.text).toBe('Stopped.');
    ground.telegram.userSays({ chatId: 7, text: '/stop' });
    expect((await ground.telegram.waitForMessages(6)).at(-1)?.text).toBe('There is nothing to stop.');
  });

  it('tells people when the agent does not exist, and goes on', async () => {
    await ground.startHub([ground.define({ agent: 'nobody' })]);
    ground.telegram.userSays({ chatId: 7, text: 'hello?' });
    expect((await ground.telegram.waitForMessages(1))[0]?.text).toContain('not set up correctly');
    await ground.telegram.waitUntilConfirmed();
  });
});

describe('Telegram by webhook', () => {
  it('registers itself, checks the secret, and acknowledges only what is durable', async () => {
    const runs = breakable(ground.runs);
    const statuses: number[] = [];
    const server = createServer((request, response) => {
      void (async () => {
        const parts: Buffer[] = [];
        for await (const part of request) parts.push(part as Buffer);
        const headers = request.headers as Record<string, string | undefined>;
        const { status } = await hub.handleWebhook('telegram', 'telegram', {
          method: 'POST',
          query: {},
          headers,
          body: Buffer.concat(parts),
        });
        statuses.push(status);
        response.writeHead(status).end();
      })();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const webhook = { secret: 'a-secret-of-some-length', url };
    const hub = await ground.startHub([ground.define({ mode: 'webhook', webhook })], { runs });
    try {
      await ground.telegram.waitForCalls('setMyCommands', 1);
      expect(ground.telegram.webhook).toEqual({
        url: `${url}/webhooks/telegram/telegram`,
        secret: webhook.secret,
      });
      runs.broken = true;
      ground.telegram.userSays({ chatId: 7, text: 'hello' });
      await ground.telegram.waitUntil(() => false, 'nothing', 300).catch(() => {});
      expect(statuses.length).toBeGreaterThan(0);
      expect(new Set(statuses)).toEqual(new Set([503]));
      runs.broken = false;
      await ground.telegram.waitForMessages(1);
      await ground.telegram.waitUntilConfirmed();
      expect(statuses.at(-1)).toBe(200);

      const body = Buffer.from('{"update_id":1}');
      const call = (headers: Record<string, string>, channel = 'telegram', bytes: Uint8Array = body) =>
        hub.handleWebhook('telegram', channel, { method: 'POST', query: {}, headers, body: bytes });
      const good = { 'x-telegram-bot-api-secret-token': webhook.secret };
      expect(await call({})).toEqual({ status: 401 });
      expect(await call({ 'x-telegram-bot-api-secret-token': 'guess' })).toEqual({ status: 401 });
      expect(await call(good, 'other')).toEqual({ status: 404 });
      expect(await call(good, 'telegram', Buffer.from('{'))).toEqual({ status: 400 });
      expect(await call(good)).toEqual({ status: 200 });
      await hub.stop();
      // Whoever is told that there is nothing may never call again.
      expect(await call(good, 'other')).toEqual({ status: 503 });
    } finally {
      server.close();
    }
  });
});
