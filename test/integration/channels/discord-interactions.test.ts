import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/index.ts';
import type { RunContext } from '../../../src/engine/runs/index.ts';
import { approvalSpec } from '../../../src/protocol/index.ts';
import { breakable } from './channel-ground.ts';
import { startDiscordGround, type DiscordGround } from './discord-ground.ts';

const person = '500000000000000007';
const original = 'PATCH /webhooks/:id/:token/messages/@original';

let ground: DiscordGround;
beforeEach(async () => {
  ground = await startDiscordGround();
});
afterEach(() => ground.close());

const start = async (spec: object = {}, deps: object = {}) => {
  const hub = await ground.startHub([ground.defineDiscord({ mode: 'interactions', ...spec })], deps);
  await ground.openInteractions(hub);
  await expect.poll(() => hub.list()[0]?.status, { timeout: 10_000 }).toBe('up');
  return hub;
};
const ask = (message: string, more: object = {}) =>
  ground.discord.interactionOf(
    2,
    { name: 'agent33', options: [{ name: 'message', type: 3, value: message }] },
    { ...more },
  );
const texts = (): readonly string[] => ground.discord.messages.map((message) => message.text);
const parts = ['a', 'b', 'c'].map((letter) => letter.repeat(1900));

describe('commands by calls of Discord', () => {
  it('answers the ping, defers a command, and puts the answer in its place, once', async () => {
    await start();
    expect(await ground.discord.call({ type: 1, id: '1', token: 't' })).toEqual({
      status: 200,
      body: { type: 1 },
    });
    const command = ask('hello');
    const told = await ground.discord.call(command);
    expect(told).toEqual({ status: 200, body: { type: 5, data: { flags: 0 } } });
    // The same call once more, as a proxy may send it.
    expect((await ground.discord.call(command)).status).toBe(200);
    await ground.untilSent(1);
    expect(ground.discord.messages).toMatchObject([
      { text: 'echo: hello', via: 'original', ephemeral: false },
    ]);
    expect(await ground.count('runs')).toBe(1);
    const stored = await ground.storage.db.selectFrom('runs').selectAll().execute();
    expect(JSON.stringify(stored)).not.toContain(command.token);
  });

  it('refuses forged calls with 401 and starts nothing', async () => {
    await start();
    const { body, headers } = ground.discord.signed(JSON.stringify(ask('hello')));
    const response = await fetch(ground.discord.interactionsUrl ?? '', {
      method: 'POST',
      headers,
      body: `${body} `,
    });
    expect(response.status).toBe(401);
    expect(await ground.count('runs')).toBe(0);
  });

  it('says at once that it cannot, while the database is away', async () => {
    const runs = breakable(ground.runs);
    await start({}, { runs });
    runs.broken = true;
    expect((await ground.discord.call(ask('hello'))).status).toBe(503);
    runs.broken = false;
    expect((await ground.discord.call(ask('again'))).status).toBe(200);
    await ground.discord.waitForMessages(1);
    expect(texts()).toEqual(['echo: again']);
  });

  it('sends the rest of a long answer behind it, each message once, though the process is stopped between', async () => {
    ground.executor.answer = () => Promise.resolve(parts.join('\n\n'));
    const first = await start({}, { clock: systemClock });
    ground.discord.failNext(original, { kind: 'cut-after' });
    await ground.discord.call(ask('go'));
    await expect.poll(async () => (await ground.outbox())[0]?.attempts, { timeout: 10_000 }).toBe(1);
    await first.stop();
    await start();
    await ground.untilSent(1);
    expect(ground.discord.messages.map(({ via }) => via)).toEqual(['original', 'channel', 'channel']);
    expect(texts()).toEqual(parts);
  });

  it('answers with a message in the channel after fifteen minutes', async () => {
    const free = Promise.withResolvers<string>();
    ground.executor.answer = () => free.promise;
    await start();
    await ground.discord.call(ask('slow'));
    ground.discord.expireTokens();
    free.resolve('at last');
    await ground.discord.waitForMessages(1);
    expect(ground.discord.messages).toMatchObject([{ via: 'channel', text: 'at last' }]);
  });

  it('shows an answer to one person alone where that is wanted, also after fifteen minutes', async () => {
    ground.executor.answer = () => Promise.resolve(parts.slice(0, 2).join('\n\n'));
    await start({ ephemeral: true });
    expect((await ground.discord.call(ask('one'))).body).toEqual({ type: 5, data: { flags: 64 } });
    await ground.untilSent(1);
    expect(ground.discord.messages.map(({ via, ephemeral }) => [via, ephemeral])).toEqual([
      ['original', true],
      ['follow-up', true],
    ]);
    const free = Promise.withResolvers<string>();
    ground.executor.answer = () => free.promise;
    await ground.discord.call(ask('two', { channel_id: '700000000000000005' }));
    ground.discord.expireTokens();
    free.resolve('for you');
    const messages = await ground.discord.waitForMessages(3);
    expect(messages.at(-1)).toMatchObject({
      via: 'channel',
      text: 'for you',
      channelId: `8${person.slice(1)}`,
    });
  });

  it('understands its commands, suggests nothing, and is polite to people who may not', async () => {
    await start({ access: { dm: 'allowlist', users: [person] } });
    await ground.discord.call(ground.discord.interactionOf(2, { name: 'help' }));
    const [help] = await ground.discord.waitForMessages(1);
    expect(help).toMatchObject({ via: 'original', text: expect.stringContaining('/new') });
    const typed = ground.discord.interactionOf(4, { name: 'agent33', options: [] });
    expect((await ground.discord.call(typed)).body).toEqual({ type: 8, data: { choices: [] } });
    const stranger = ask('hello', { user: { id: '500000000000000099' } });
    expect((await ground.discord.call(stranger)).body).toMatchObject({ type: 4, data: { flags: 64 } });
    await ground.discord.call(
      ground.discord.interactionOf(2, { name: 'deploy', options: [{ name: 'env', type: 3, value: 'prod' }] }),
    );
    await expect.poll(() => texts().at(-1)).toBe('echo: /deploy env=prod');
    expect(await ground.count('runs')).toBe(1);
  });

  it('lets people approve with a button', async () => {
    await start({ access: { approvers: [person] } });
    ground.executor.answer = async (_message, context: RunContext) => {
      const outcome = await context.approve('mail', {
        kind: 'approval',
        title: 'Send the mail?',
        message: '',
        subject: null,
        answerSchema: null,
        rules: approvalSpec.parse({}),
      });
      return `mail ${outcome.status}`;
    };
    await ground.discord.call(ask('mail ada'));
    const [notice] = await ground.discord.waitForMessages(1);
    expect(notice).toMatchObject({ via: 'original', text: expect.stringContaining('Send the mail?') });
    if (notice === undefined) throw new Error('no notice');
    await ground.discord.call(ground.discord.pressOf(notice, 'Approve', person));
    await ground.discord.waitForMessages(3);
    const said = ground.discord.messages.slice(1).map(({ via, text }) => [via, text]);
    expect(said).toContainEqual(['original', 'Approved: Send the mail?']);
    expect(said).toContainEqual(['channel', 'mail approved']);
  });
});
