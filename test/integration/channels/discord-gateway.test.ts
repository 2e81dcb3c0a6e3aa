import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/index.ts';
import { breakable } from './channel-ground.ts';
import { startDiscordGround, type DiscordGround } from './discord-ground.ts';

const dm = '700000000000000001';
const identify = 2;
const resume = 6;

let ground: DiscordGround;
beforeEach(async () => {
  ground = await startDiscordGround();
});
afterEach(() => ground.close());

const start = async (spec: object = {}, deps: object = {}) => {
  const hub = await ground.startHub([ground.defineDiscord(spec)], deps);
  await expect.poll(() => hub.list()[0]?.status, { timeout: 10_000 }).toBe('up');
  return hub;
};
const texts = (): readonly string[] => ground.discord.messages.map((message) => message.text);
const session = async (): Promise<{ seq: number; sessionId: string }> => {
  const row = await ground.storage.db
    .selectFrom('channel_state')
    .select('value')
    .where('key', '=', 'session')
    .executeTakeFirst();
  return row?.value as never;
};

const parts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(1900));

describe('Discord over the gateway', () => {
  it('answers a message and remembers how far it has read', async () => {
    const hub = await start();
    ground.discord.userSays({ channelId: dm, text: 'hello' });
    const [message] = await ground.discord.waitForMessages(1);
    expect(message).toMatchObject({ channelId: dm, text: 'echo: hello', via: 'channel', replyTo: undefined });
    await expect.poll(async () => (await session()).seq).toBe(2);
    expect(hub.list()).toMatchObject([
      { status: 'up', error: null, accountId: ground.discord.applicationId },
    ]);
    expect(ground.executor.inputs[0]?.principal).toBe(
      `discord:${ground.discord.applicationId}:500000000000000007`,
    );
  });

  it('answers what was written during a break, and nothing twice', async () => {
    await start();
    ground.discord.userSays({ channelId: dm, text: 'one' });
    await ground.discord.waitForMessages(1);
    ground.discord.gateway.cut();
    ground.discord.userSays({ channelId: dm, text: 'two' });
    ground.discord.userSays({ channelId: dm, text: 'three' });
    await ground.discord.waitForMessages(3);
    // Everything once more, as when Discord did not learn how far we were.
    ground.discord.gateway.replay(1);
    ground.discord.userSays({ channelId: dm, text: 'four' });
    await ground.discord.waitForMessages(4);
    await ground.untilSent(4);
    expect(texts()).toEqual(['echo: one', 'echo: two', 'echo: three', 'echo: four']);
    expect(await ground.count('runs')).toBe(4);
    expect(ground.discord.gateway.countOf(identify)).toBe(1);
    expect(ground.discord.gateway.countOf(resume)).toBe(1);
  });

  it('goes on with the session of a process that is gone', async () => {
    const first = await start();
    ground.discord.userSays({ channelId: dm, text: 'one' });
    await ground.discord.waitForMessages(1);
    await first.stop();
    await ground.discord.waitUntil(() => ground.discord.gateway.connected === 0, 'the end of the connection');
    ground.discord.userSays({ channelId: dm, text: 'two' });
    await start();
    await ground.discord.waitForMessages(2);
    expect(ground.discord.gateway.countOf(identify)).toBe(1);
    expect(texts()).toEqual(['echo: one', 'echo: two']);
  });

  it('does not move on before a message is durable', async () => {
    const runs = breakable(ground.runs);
    await start({}, { runs });
    ground.discord.userSays({ channelId: dm, text: 'first' });
    await ground.discord.waitForMessages(1);
    await expect.poll(async () => (await session()).seq).toBe(2);
    runs.broken = true;
    ground.discord.userSays({ channelId: dm, text: 'second' });
    ground.discord.userSays({ channelId: dm, text: 'third' });
    await expect.poll(() => runs.refused, { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
    expect((await session()).seq).toBe(2);
    runs.broken = false;
    await ground.discord.waitForMessages(3);
    expect(texts()).toEqual(['echo: first', 'echo: second', 'echo: third']);
  });

  it('begins anew when Discord forgot the session', async () => {
    await start();
    const before = (await session()).sessionId;
    ground.discord.gateway.forgetSessions();
    ground.discord.gateway.cut();
    await ground.discord.waitUntil(() => ground.discord.gateway.countOf(identify) === 2, 'a second session');
    await expect.poll(async () => (await session()).sessionId).not.toBe(before);
    ground.discord.userSays({ channelId: dm, text: 'hello' });
    await ground.discord.waitForMessages(1);
  });

  it('reconnects when it is told to, and when heartbeats stay without answer', async () => {
    ground.discord.gateway.heartbeatMs = 100;
    await start();
    ground.discord.gateway.say(7);
    await ground.discord.waitUntil(() => ground.discord.gateway.countOf(resume) === 1, 'a resume');
    ground.discord.gateway.answersHeartbeats = false;
    await ground.discord.waitUntil(() => ground.discord.gateway.countOf(resume) === 2, 'another resume');
    ground.discord.gateway.answersHeartbeats = true;
    ground.discord.userSays({ channelId: dm, text: 'hello' });
    await ground.discord.waitForMessages(1);
  });

  it.each([
    [4004, 'spec.token'],
    [4014, 'Message Content Intent'],
  ])('gives up with a reason on close code %i', async (code, reason) => {
    ground.discord.gateway.closeNext.push(code);
    const hub = await ground.startHub([ground.defineDiscord()]);
    await expect.poll(() => hub.list()[0]?.status, { timeout: 10_000 }).toBe('down');
    expect(hub.list()[0]?.error).toContain(reason);
    expect(ground.discord.gateway.countOf(identify)).toBe(1);
  });

  it('connects in one process of several', async () => {
    await start();
    const second = await ground.startHub([ground.defineDiscord()]);
    await expect.poll(() => second.list()[0]?.status).toBe('standby');
    expect(ground.discord.gateway.countOf(identify)).toBe(1);
  });

  it('answers in servers when mentioned, and in threads of a listed channel', async () => {
    const guildId = '600000000000000001';
    const thread = '700000000000000009';
    ground.discord.channels.set(thread, { id: thread, type: 11, parent_id: dm });
    await start({ access: { groups: 'allowlist', chats: [dm] } });
    const mention = { mentions: [{ id: ground.discord.applicationId, bot: true }] };
    const say = (channelId: string, extra: object = mention) =>
      ground.discord.userSays({ channelId, guildId, text: 'hi', extra: { ...extra } });
    say(dm, {});
    say('700000000000000002');
    const asked = say(dm);
    await ground.discord.waitForMessages(1);
    say(thread);
    const messages = await ground.discord.waitForMessages(2);
    expect(messages.map((message) => message.channelId)).toEqual([dm, thread]);
    expect(messages[0]).toMatchObject({ replyTo: asked['id'], text: 'echo: User 07: hi' });
    expect(await ground.count('runs')).toBe(2);
  });

  it('answers a mention of the role that has its name, and asks for the roles of a server once', async () => {
    const guildId = '600000000000000001';
    await start({ access: { groups: 'open' } });
    const roleId = `6${ground.discord.applicationId.slice(1)}`;
    const say = (id: string) =>
      ground.discord.userSays({
        channelId: dm,
        guildId,
        text: `<@&${id}> hi`,
        extra: { mention_roles: [id] },
      });
    say('650000000000000002');
    say(roleId);
    say(roleId);
    const messages = await ground.discord.waitForMessages(2);
    expect(messages.map(({ text }) => text)).toEqual(['echo: User 07: hi', 'echo: User 07: hi']);
    expect(ground.discord.callsOf('GET /guilds/:id/roles')).toHaveLength(1);
    expect(await ground.count('runs')).toBe(2);
  });

  it('answers commands and buttons that come over the gateway', async () => {
    await start();
    const interaction = ground.discord.interactionOf(2, {
      name: 'agent33',
      options: [{ name: 'message', type: 3, value: 'hello' }],
    });
    ground.discord.gateway.dispatch('INTERACTION_CREATE', interaction);
    const [message] = await ground.discord.waitForMessages(1);
    expect(message).toMatchObject({ via: 'original', text: 'echo: hello' });
    expect(ground.discord.acknowledgements).toMatchObject([{ id: interaction.id, body: { type: 5 } }]);
  });
});

describe('delivery to Discord', () => {
  beforeEach(() => {
    ground.executor.answer = () => Promise.resolve(parts.join('\n\n'));
  });

  it('shows every message once, though each answer of Discord got lost', async () => {
    await start({}, { delivery: { backOffMs: 10 } });
    const lost = { kind: 'cut-after' } as const;
    ground.discord.failNext('POST /channels/:id/messages', lost, { kind: 'cut-before' }, lost, lost, lost);
    ground.discord.userSays({ channelId: dm, text: 'go' });
    await ground.untilSent(1);
    expect(texts()).toEqual(parts);
    expect(new Set(ground.discord.messages.map((message) => message.nonce)).size).toBe(4);
  });

  it('shows every message once, though the process ended between Discord and its cursor', async () => {
    const first = await start({}, { clock: systemClock });
    // The second message arrives, its answer does not, and the process stops while it waits to try again.
    ground.discord.failNext(
      'POST /channels/:id/messages',
      { kind: 'slow', delayMs: 0 },
      { kind: 'cut-after' },
    );
    ground.discord.userSays({ channelId: dm, text: 'go' });
    await ground.discord.waitForMessages(2);
    await expect.poll(async () => (await ground.outbox())[0]?.attempts).toBe(1);
    await first.stop();
    expect(await ground.outbox()).toMatchObject([{ status: 'sending', cursor: 1 }]);
    await start();
    await ground.untilSent(1);
    expect(texts()).toEqual(parts);
  });

  it('waits as long as Discord asks', async () => {
    ground.executor.answer = () => Promise.resolve('short');
    await start();
    ground.discord.failNext(
      'POST /channels/:id/messages',
      { kind: 'rate-limit', retryAfterSeconds: 0.2 },
      { kind: 'rate-limit', retryAfterSeconds: 0.2, global: true },
      { kind: 'error', status: 502 },
    );
    ground.discord.userSays({ channelId: dm, text: 'go' });
    await ground.untilSent(1);
    expect(texts()).toEqual(['short']);
    expect(await ground.outbox()).toMatchObject([{ attempts: 1 }]);
  });

  it('puts what can never arrive aside, and the channel goes on', async () => {
    ground.executor.answer = (message) => Promise.resolve(message);
    await start();
    ground.discord.failNext('POST /channels/:id/messages', {
      kind: 'error',
      status: 403,
      code: 50_007,
      message: 'Cannot send messages to this user',
    });
    ground.discord.userSays({ channelId: dm, text: 'one' });
    await expect.poll(async () => (await ground.outbox())[0]?.status, { timeout: 10_000 }).toBe('failed');
    ground.discord.userSays({ channelId: dm, text: 'two' });
    await ground.discord.waitForMessages(1);
    expect(texts()).toEqual(['two']);
  });
});
