import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../base/index.ts';
import { channelDefinition, type Message, type Scope } from '../../../protocol/index.ts';
import { createDirectEgress, FakeReceiver } from '../../../testing/channels.ts';
import { channelContract } from '../../../testing/contracts/channel-contract.ts';
import { MemoryChannelState } from '../../../testing/memory-channel-state.ts';
import type { ProgramMessage } from '../channel-adapter.ts';
import { createRestAdapter } from './rest-adapter.ts';

const caller: Scope = { tenant: 'default', principal: 'key:1', scopes: ['agents:invoke'] };
const accepted: Message[] = [];

const create = (spec: object = {}) =>
  createRestAdapter({
    definition: channelDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Channel',
      metadata: { name: 'shop' },
      spec: { platform: 'rest', agent: 'a', ...spec },
    }),
    clock: systemClock,
    logger: silentLogger,
    state: new MemoryChannelState(),
    commands: [],
    createEgress: createDirectEgress,
    allowPrivate: [],
    accept: (message) => {
      accepted.push(message);
      return Promise.resolve({ outcome: 'submitted', runId: 'run_1' });
    },
    onStatus: () => {},
  });

let contractId = 0;
channelContract('REST', async () => {
  const receiver = await FakeReceiver.start();
  return {
    adapter: create({ callbacks: { hosts: ['127.0.0.1'] } }),
    update: (text) => ({
      text,
      conversation_id: receiver.url,
      callback_url: receiver.url,
      key: `k${(contractId += 1)}`,
    }),
    forged: [
      { method: 'POST', headers: {}, query: {}, body: new TextEncoder().encode('{"text":"x","key":"k"}') },
    ],
    // What a person would see of the Markdown.
    sent: () =>
      receiver.posts.map(({ body }) => (JSON.parse(body) as { content: string }).content.replaceAll('*', '')),
    close: () => receiver.stop(),
  };
});

describe('the REST adapter', () => {
  const message: ProgramMessage = { text: 'hi', metadata: {}, key: null };
  const say = async (more: Partial<ProgramMessage>, by: Scope = caller) => {
    const adapter = create();
    await adapter.start();
    await adapter.enqueueMessage?.(by, { ...message, ...more });
    const taken = accepted.at(-1);
    if (taken === undefined) throw new Error('nothing was taken in');
    return { taken, conversation: adapter.conversation(taken) };
  };

  it('keeps the conversations of callers apart, whatever they name them', async () => {
    const other = { ...caller, principal: 'key:2' };
    const mine = await say({ conversationId: 'c' });
    expect((await say({ conversationId: 'c' })).conversation).toBe(mine.conversation);
    expect((await say({ conversationId: 'c' }, other)).conversation).not.toBe(mine.conversation);
    expect((await say({})).conversation).not.toBe((await say({})).conversation);
  });

  it('lets the caller act with its own rights, and reads no command in its text', async () => {
    const { taken } = await say({ text: '/new', metadata: { raw: 'mine', plan: 'gold' } });
    expect(taken).toMatchObject({ kind: 'message', order: { caller }, metadata: { plan: 'gold' } });
    expect(taken.metadata['raw']).not.toBe('mine');
  });

  it('takes no character that no database takes', async () => {
    expect((await say({ text: 'a\0b\ud83d' })).taken.text).toBe('a\ufffdb\ufffd');
  });

  it('waits for nobody who sends webhooks', async () => {
    await expect(create().enqueueWebhookUpdate({ text: 'x', key: 'k' })).rejects.toThrow(
      '/api/v1/channels/shop',
    );
  });

  it.each(['collect', 'never'])('has no turn of several messages: %s', (busy) => {
    expect(() => create({ busy })).toThrow('busy');
  });
});
