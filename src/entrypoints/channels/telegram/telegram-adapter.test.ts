import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../base/index.ts';
import { channelDefinition, type Message } from '../../../protocol/index.ts';
import { createDirectEgress, FakeTelegram } from '../../../testing/channels.ts';
import { channelContract } from '../../../testing/contracts/channel-contract.ts';
import type { ChannelAdapterContext, ChannelStatus } from '../channel-adapter.ts';
import type { ChannelState } from '../channel-state.ts';
import type { RawWebhook } from '../channel-adapter.ts';
import { createTelegramAdapter } from './telegram-adapter.ts';

const noState: ChannelState = {
  get: () => Promise.resolve(undefined),
  set: () => Promise.resolve(),
  raise: () => Promise.resolve(),
  delete: () => Promise.resolve(),
  deleteOlder: () => Promise.resolve(),
  acquireLease: () => Promise.resolve(true),
  releaseLease: () => Promise.resolve(),
};

function contextFor(spec: object, more: Partial<ChannelAdapterContext> = {}): ChannelAdapterContext {
  return {
    definition: channelDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Channel',
      metadata: { name: 'telegram' },
      spec: { platform: 'telegram', agent: 'a', token: '4242:secret', ...spec },
    }),
    clock: systemClock,
    logger: silentLogger,
    state: noState,
    commands: [{ name: 'help', description: 'Help' }],
    createEgress: createDirectEgress,
    allowPrivate: [],
    accept: () => Promise.resolve({ outcome: 'submitted' }),
    onStatus: () => {},
    ...more,
  };
}

const secret = 'a-secret-of-some-length';

const posted = (headers: Record<string, string>): RawWebhook => ({
  method: 'POST',
  headers,
  query: {},
  body: new Uint8Array(),
});

channelContract('Telegram', async () => {
  const telegram = await FakeTelegram.start();
  let next = 1;
  return {
    adapter: createTelegramAdapter(
      contextFor({ token: telegram.token, apiBase: telegram.apiBase, mode: 'webhook', webhook: { secret } }),
    ),
    update: (text) => ({
      update_id: next++,
      message: { message_id: next, date: 1, chat: { id: 7, type: 'private' }, from: { id: 7 }, text },
    }),
    forged: [
      posted({}),
      posted({ 'x-telegram-bot-api-secret-token': '' }),
      posted({ 'x-telegram-bot-api-secret-token': `${secret}x` }),
    ],
    sent: () => telegram.messages.map((message) => message.text),
    files: {
      update: (file) => {
        const { id } = telegram.files.add(file);
        const document = { file_id: id, file_name: file.name, mime_type: file.mimeType };
        return {
          update_id: next++,
          message: { message_id: next, date: 1, chat: { id: 7, type: 'private' }, from: { id: 7 }, document },
        };
      },
      cutNext: () => telegram.files.failNext({ kind: 'cut' }),
      loseNext: () => telegram.files.failNext({ kind: 'error', status: 404 }),
      sent: () => telegram.messages.flatMap((message) => message.file ?? []),
    },
    close: () => telegram.stop(),
  };
});

describe('the Telegram adapter', () => {
  it.each([
    [{ token: 'nonsense' }, 'spec.token'],
    [{ mode: 'webhook' }, 'spec.webhook.secret'],
  ])('refuses a definition that cannot work: %j', (spec, part) => {
    expect(() => createTelegramAdapter(contextFor(spec))).toThrow(part);
  });

  it('checks the secret of webhook calls', () => {
    const adapter = createTelegramAdapter(contextFor({ mode: 'webhook', webhook: { secret } }));
    const headers = { 'x-telegram-bot-api-secret-token': secret };
    expect(adapter.verify(posted(headers))).toBe(true);
    const polling = createTelegramAdapter(contextFor({ webhook: { secret } }));
    expect(polling.verify(posted(headers))).toBe(false);
  });

  it('hands messages to whoever waits for them, and keeps its token out of errors', async () => {
    const telegram = await FakeTelegram.start();
    const statuses: ChannelStatus[] = [];
    const adapter = createTelegramAdapter(
      contextFor(
        { token: telegram.token, apiBase: telegram.apiBase, pollTimeout: '1s' },
        { onStatus: (status) => statuses.push(status) },
      ),
    );
    try {
      const first: Promise<Message> = adapter.receive();
      await adapter.start();
      telegram.userSays({ chatId: 7, text: 'one' });
      telegram.userSays({ chatId: 7, text: 'two' });
      expect((await first).text).toBe('one');
      expect((await adapter.receive()).text).toBe('two');
      await telegram.stop();
      const failed = await adapter.send('7', 'hello').catch((error: unknown) => error);
      expect(failed).toMatchObject({ name: 'SendError' });
      expect(JSON.stringify(failed) + String(failed)).not.toContain(telegram.token);
    } finally {
      await adapter.stop();
    }
    expect(statuses.at(0)).toBe('connecting');
    expect(statuses).toContain('up');
    expect(statuses.at(-1)).toBe('stopped');
  });
});
