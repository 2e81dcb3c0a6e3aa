import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type {
  ChannelAdapter,
  ChannelAdapterContext,
  ChannelHub,
} from '../../../src/entrypoints/channels/index.ts';
import type { Message } from '../../../src/protocol/index.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

/** A platform without a network: messages are given to `accept`, what is sent is kept. */
function createFakeAdapter(context: ChannelAdapterContext, sent: string[]): ChannelAdapter {
  const channel = context.definition.metadata.name;
  return {
    platform: 'telegram',
    accountId: '1',
    capabilities: {
      maxTextLength: 4000,
      unit: 'utf16',
      edit: false,
      typingIntervalMs: undefined,
      threads: true,
      sendsPerSecond: 1000,
      buttons: false,
      idempotentSend: false,
      files: { mostBytesIn: 0, mostBytesOut: 0 },
    },
    start: () => {
      context.onStatus('up');
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
    verify: () => true,
    parse: () => ({ ignored: 'nothing' }),
    enqueueWebhookUpdate: (update) => context.accept(update as Message),
    conversation: (message) => `telegram:1:${message.channel_id}:${message.thread_id ?? ''}`,
    replyAddress: (message) => ({
      channel,
      platform: 'telegram',
      accountId: '1',
      chatId: message.channel_id,
    }),
    render: (markdown) => (markdown.trim() === '' ? [] : [{ body: markdown, plain: markdown }]),
    sendChunk: (_address, chunk) => Promise.resolve(String(sent.push(chunk.plain))),
    typing: () => Promise.resolve(),
    send: () => Promise.resolve(),
    receive: () => Promise.reject(new Error('not here')),
  };
}

let ground: ChannelGround;
let count = 0;
let chat = 'none';
let sent: string[];
let started: ChannelHub | undefined;

beforeAll(async () => {
  ground = await startChannelGround();
});
afterAll(() => ground.close());
// Another hub on the same queue would take its answers and have no channel for them.
afterEach(() => started?.stop());
beforeEach(() => {
  count += 1;
  chat = `chat-${count}`;
  sent = [];
});

async function startHub(spec: object): Promise<ChannelHub> {
  started = await ground.startHub([ground.define(spec, `channel-${count}`)], {
    adapters: { telegram: (context) => createFakeAdapter(context, sent) },
  });
  return started;
}

async function give(hub: ChannelHub, more: Partial<Message>): Promise<string> {
  count += 1;
  const { outcome } = await hub.adapter(hub.list()[0]?.name ?? '').enqueueWebhookUpdate({
    platform: 'telegram',
    account_id: '1',
    channel_id: chat,
    user_id: '7',
    text: 'hello',
    timestamp: new Date(0).toISOString(),
    kind: 'message',
    chat_type: 'group',
    mentions_bot: true,
    attachments: [],
    dedupe_key: `event-${count}`,
    metadata: {},
    ...more,
  } satisfies Message);
  return outcome;
}

it('answers no other bots, and those of the list only so many times in a row', async () => {
  const hub = await startHub({ access: { groups: 'open', bots: ['99'], botTurns: 2 } });
  const bot = { from_bot: true, user_id: '99' };
  expect(await give(hub, { from_bot: true, user_id: '98' })).toBe('denied');
  expect(await give(hub, bot)).toBe('submitted');
  expect(await give(hub, bot)).toBe('submitted');
  expect(await give(hub, bot)).toBe('ignored');
  expect(await give(hub, { ...bot, kind: 'command', text: '/new' })).toBe('ignored');
  expect(await give(hub, { user_id: '7' })).toBe('submitted');
  expect(await give(hub, bot)).toBe('submitted');
});

it('obeys no commands of bots and lets none of them pair', async () => {
  const hub = await startHub({ access: { dm: 'pairing', bots: ['99'] } });
  const bot = { from_bot: true, user_id: '99', chat_type: 'dm' } as const;
  expect(await give(hub, bot)).toBe('denied');
  expect(await give(hub, { ...bot, kind: 'command', text: '/pair 123456' })).toBe('denied');
  expect(await ground.storage.db.selectFrom('pairing_codes').select('id').execute()).toEqual([]);
});

it('keeps threads apart, and an event that comes twice is one', async () => {
  const hub = await startHub({ access: { groups: 'open' } });
  expect(await give(hub, { thread_id: 'a', dedupe_key: 'twice' })).toBe('submitted');
  expect(await give(hub, { thread_id: 'a', dedupe_key: 'twice' })).toBe('duplicate');
  expect(await give(hub, { thread_id: 'b' })).toBe('submitted');
  const sessions = await ground.storage.db.selectFrom('sessions').select('key').execute();
  const keys = sessions.map((row) => row.key).filter((key) => key?.includes(`${chat}:`));
  expect(keys.toSorted()).toEqual([`telegram:1:${chat}:a`, `telegram:1:${chat}:b`]);
});

it('keeps a message with the same key only once, whichever way it came first', async () => {
  const hub = await startHub({ busy: 'collect', debounce: '10m', access: { groups: 'open' } });
  expect(await give(hub, { dedupe_key: 'kept' })).toBe('waiting');
  expect(await give(hub, { dedupe_key: 'kept' })).toBe('duplicate');
  const attachments = [{ id: 'f', kind: 'image' }] as const;
  expect(await give(hub, { dedupe_key: 'second' })).toBe('waiting');
  expect(await give(hub, { kind: 'command', text: '/new' })).toBe('answered');
  expect(await give(hub, { attachments, text: 'at once', dedupe_key: 'third' })).toBe('submitted');
  expect(await give(hub, { dedupe_key: 'second' })).toBe('duplicate');
  expect(await give(hub, { dedupe_key: 'third' })).toBe('duplicate');
  await expect
    .poll(() => sent.toSorted())
    .toEqual([
      'echo: user 7: at once\n[image attached; its content is not available]',
      'echo: user 7: hello\nuser 7: hello',
    ]);
});
