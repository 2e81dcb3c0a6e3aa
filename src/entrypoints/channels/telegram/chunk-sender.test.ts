import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReplyAddress } from '../../../protocol/index.ts';
import { createDirectEgress, FakeTelegram } from '../../../testing/channels.ts';
import { ChunkSender } from './chunk-sender.ts';
import { followMigrations } from './follow-migrations.ts';
import { renderTelegramHtml } from './render-html.ts';
import { RichMessages } from './rich-messages.ts';
import { createTelegramApi } from './telegram-api.ts';

const signal = AbortSignal.timeout(60_000);
const address: ReplyAddress = { channel: 'c', platform: 'telegram', accountId: '4242', chatId: '-5' };
const table = '| a | b |\n|---|---|\n| 1 | 2 |';
const long = `${table}\n\n${'x'.repeat(5000)}`;

let telegram: FakeTelegram;
let close: () => Promise<void>;
const open = async (options: { isOld?: boolean; mode?: 'auto' | 'off' } = {}) => {
  telegram = await FakeTelegram.start(options);
  const egress = createDirectEgress();
  close = () => egress.close();
  const { token, apiBase } = telegram;
  const api = followMigrations(createTelegramApi({ egress: () => egress, apiBase, token }));
  const rich = new RichMessages(options.mode ?? 'auto');
  const render = (markdown: string) => {
    const [first, ...more] = renderTelegramHtml(markdown, 4096);
    if (first === undefined) throw new Error('nothing to send');
    return rich.suits(markdown) ? { ...first, markdown } : { ...first, count: more.length + 1 };
  };
  return { sender: new ChunkSender(api, rich), rich, render };
};
beforeEach(() => {
  close = () => Promise.resolve();
});
afterEach(async () => {
  await close();
  await telegram.stop();
});

describe('messages to Telegram', () => {
  it('are rich where that shows more, and where the channel says so', async () => {
    const { sender, rich, render } = await open();
    for (const text of [table, '- [ ] milk', 'so $$x^2$$', '<details>x</details>'])
      expect(rich.suits(text)).toBe(true);
    for (const text of [
      'plain',
      '# Title\n- one',
      'a | b',
      'costs $5 or $6',
      `${table}${'x'.repeat(33_000)}`,
    ])
      expect(rich.suits(text)).toBe(false);
    expect(new RichMessages('off').suits(table)).toBe(false);
    const id = await sender.send(address, render(table), signal);
    expect(telegram.messages).toMatchObject([{ isRich: true, source: table }]);
    await sender.edit(address, id, render(`${table}\n| 3 | 4 |`), signal);
    expect(telegram.messages).toMatchObject([{ isRich: true, source: `${table}\n| 3 | 4 |` }]);
  });

  it('are HTML on a server without rich messages, which is asked once', async () => {
    const { sender, render } = await open({ isOld: true });
    await sender.send(address, render(table), signal);
    await sender.send(address, render(table), signal);
    expect(telegram.messages.map(({ parseMode }) => parseMode)).toEqual(['HTML', 'HTML']);
    expect(telegram.callsOf('sendRichMessage')).toHaveLength(1);
  });

  it('are rendered again where the rich one was refused and HTML needs several', async () => {
    const { sender, rich, render } = await open();
    const refusal = { kind: 'error', status: 400, description: 'Bad Request: rich message is odd' } as const;
    telegram.failNext('sendRichMessage', refusal);
    await expect(sender.send(address, render(long), signal)).rejects.toMatchObject({
      verdict: 'retry',
      retryAfterMs: 0,
    });
    expect(render(long)).toMatchObject({ count: 2 });
    expect(rich.suits(table)).toBe(true);
    expect(telegram.messages).toEqual([]);
  });

  it('pass on what is no matter of form', async () => {
    const { sender, render } = await open();
    telegram.failNext('sendRichMessage', { kind: 'rate-limit', retryAfterSeconds: 3 }, { kind: 'cut-after' });
    const send = () => sender.send(address, render(table), signal);
    await expect(send()).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 3000 });
    await expect(send()).rejects.toMatchObject({ verdict: 'ambiguous' });
    telegram.block(-5);
    await expect(send()).rejects.toMatchObject({ verdict: 'permanent', unauthorized: true });
  });

  it('are changed to what they say already without a fault, and lose their buttons', async () => {
    const { sender } = await open();
    const chunk = { body: '<b>one</b>', plain: 'one', actions: [{ label: 'Stop', command: '/stop' }] };
    const id = await sender.send(address, chunk, signal);
    await sender.edit(address, id, chunk, signal);
    await sender.edit(address, id, { body: 'two', plain: 'two' }, signal);
    expect(telegram.messages).toMatchObject([{ text: 'two', buttons: [] }]);
    await expect(sender.edit(address, '999', chunk, signal)).rejects.toMatchObject({ verdict: 'permanent' });
  });

  it('go to the id that a group has now', async () => {
    const { sender } = await open();
    telegram.migrate(-5, -100_777);
    const chunk = { body: 'x', plain: 'x' };
    await sender.send(address, chunk, signal);
    await sender.send(address, chunk, signal);
    expect(telegram.messages.map(({ chatId }) => chatId)).toEqual(['-100777', '-100777']);
    expect(telegram.callsOf('sendMessage')).toHaveLength(3);
  });

  it('do not name the general topic', async () => {
    const { sender } = await open();
    const chunk = { body: 'x', plain: 'x' };
    await sender.send({ ...address, threadId: '1' }, chunk, signal);
    await sender.send({ ...address, threadId: '12' }, chunk, signal);
    expect(telegram.messages.map(({ threadId }) => threadId)).toEqual([undefined, 12]);
  });
});
