import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, silentLogger, systemClock } from '../../../base/index.ts';
import { createEgressClient } from '../../../platform/http-client/index.ts';
import { channelDefinition, type Message } from '../../../protocol/index.ts';
import { FakeReceiver } from '../../../testing/channels.ts';
import { channelContract } from '../../../testing/contracts/channel-contract.ts';
import { MemoryChannelState } from '../../../testing/memory-channel-state.ts';
import { signWebhook } from '../../../testing/webhook-signatures.ts';
import type { Acceptance, ChannelAdapterContext, RawWebhook } from '../channel-adapter.ts';
import { createWebhookAdapter } from './webhook-adapter.ts';

const secret = 'a-secret-that-both-sides-know';
let accepted: Message[];
let published: object[];
let acceptance: (message: Message) => Promise<Acceptance>;

function contextFor(spec: object, more: Partial<ChannelAdapterContext> = {}): ChannelAdapterContext {
  return {
    definition: channelDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Channel',
      metadata: { name: 'hook' },
      spec: { platform: 'webhook', agent: 'a', signature: { scheme: 'github', secret }, ...spec },
    }),
    clock: systemClock,
    logger: silentLogger,
    state: new MemoryChannelState(),
    commands: [],
    createEgress: createEgressClient,
    allowPrivate: ['127.0.0.1'],
    publish: (event) => {
      published.push(event);
      return Promise.resolve({ id: event.id, duplicate: false });
    },
    accept: (message) => {
      accepted.push(message);
      return acceptance(message);
    },
    onStatus: () => {},
    ...more,
  };
}

const posted = (body: string, headers: Record<string, string>): RawWebhook => ({
  method: 'POST',
  headers,
  query: {},
  body: new TextEncoder().encode(body),
});

beforeEach(() => {
  accepted = [];
  published = [];
  acceptance = () => Promise.resolve({ outcome: 'submitted', runId: 'run_1' });
});

let contractId = 0;
channelContract('Webhook', async () => {
  const receiver = await FakeReceiver.start();
  const { url } = receiver;
  const message = { userId: 'body.user', messageId: 'body.id' };
  return {
    adapter: createWebhookAdapter(contextFor({ message, reply: { url } })),
    update: (text) => ({
      headers: {},
      query: {},
      body: { text, user: 'u7', id: `m${(contractId += 1)}` },
      digest: 'd',
    }),
    forged: [
      posted('{}', {}),
      posted('{}', signWebhook.github('{}', 'another secret')),
      posted('{"a":1}', signWebhook.github('{}', secret)),
    ],
    // What a person would see of the Markdown.
    sent: () =>
      receiver.posts.map(({ body }) => (JSON.parse(body) as { content: string }).content.replaceAll('*', '')),
    close: () => receiver.stop(),
  };
});

describe('the webhook adapter', () => {
  let receiver: FakeReceiver;
  beforeEach(async () => {
    receiver = await FakeReceiver.start();
  });
  afterEach(() => receiver.stop());

  const started = async (spec: object = {}, more: Partial<ChannelAdapterContext> = {}) => {
    const adapter = createWebhookAdapter(contextFor(spec, more));
    await adapter.start();
    return adapter;
  };
  const update = (body: object, headers: object = {}) => ({ headers, query: {}, body, digest: 'digest' });
  const read = (taken: Acceptance) => ({
    status: taken.reply?.status,
    ...(JSON.parse(taken.reply?.body ?? '{}') as object),
  });

  it('takes nothing in before it has started, so that the sender comes again', async () => {
    const adapter = createWebhookAdapter(contextFor({}));
    await expect(adapter.enqueueWebhookUpdate(update({ text: 'x' }))).rejects.toMatchObject({
      retryable: true,
    });
  });

  it('continues a conversation by its id, else by its user, else begins one', async () => {
    const adapter = await started({ message: { userId: 'body.user', conversationId: 'body.thread' } });
    const keyOf = (body: object, digest = 'd') => {
      const { message } = adapter.parse({ ...update({ text: 'x', ...body }), digest });
      if (message === undefined) throw new Error('ignored');
      return adapter.conversation(message);
    };
    expect(keyOf({ user: 1, thread: 't' })).toBe(keyOf({ user: 2, thread: 't' }));
    expect(keyOf({ user: 1 })).toBe(keyOf({ user: 1 }, 'other'));
    expect(keyOf({ user: 1 })).not.toBe(keyOf({ user: 2 }));
    expect(keyOf({})).not.toBe(keyOf({}, 'other'));
    expect(keyOf({ thread: 'event:d' })).not.toBe(keyOf({ thread: 'd' }));
  });

  it('asks the sender to come again when one part could not be stored, and says nothing else', async () => {
    acceptance = ({ order }) =>
      order?.target?.name === 'b'
        ? Promise.reject(new AppError('storage_unavailable', 'away'))
        : Promise.resolve({ outcome: 'submitted', runId: 'run_1' });
    const adapter = await started({
      agent: undefined,
      targets: [{ agent: 'a' }, { agent: 'b' }, { team: 'c' }],
    });
    await expect(adapter.enqueueWebhookUpdate(update({ text: 'x' }))).rejects.toThrow('away');
    expect(accepted.map(({ order, dedupe_key: key }) => [order?.target?.name, key])).toEqual([
      ['a', 'hook:digest#agent:a'],
      ['b', 'hook:digest#agent:b'],
      ['c', 'hook:digest#team:c'],
    ]);
    expect(new Set(accepted.map((message) => adapter.conversation(message))).size).toBe(3);
  });

  it('publishes and starts nothing else where no target is named', async () => {
    const adapter = await started({ agent: undefined, publish: 'external.x.{{ event }}' });
    const taken = await adapter.enqueueWebhookUpdate(update({ a: 1 }, { 'x-github-event': 'push' }));
    expect(read(taken)).toMatchObject({ status: 'accepted', event: { name: 'external.x.push' } });
    expect(published).toEqual([{ name: 'external.x.push', payload: { a: 1 }, id: 'webhook:hook:digest' }]);
    expect(accepted).toEqual([]);
  });

  it('shows a refused event beside the runs that were started', async () => {
    const publish = () => Promise.reject(new AppError('invalid_request', 'no name'));
    const adapter = await started({ publish: 'external.{{ event }}' }, { publish });
    const taken = await adapter.enqueueWebhookUpdate(update({ text: 'x' }));
    expect(taken.reply?.status).toBe(202);
    expect(read(taken)).toMatchObject({
      event: { error: { code: 'invalid_request' } },
      runs: [{ run_id: 'run_1' }],
    });
  });

  it.each([
    ['reject', 422, 'rejected'],
    ['ignore', 200, 'ignored'],
  ])('on a call without its text does as told: %s', async (missing, status, word) => {
    const adapter = await started({ message: { text: 'body.title' }, missing });
    const taken = await adapter.enqueueWebhookUpdate(update({ text: 'x' }));
    expect(taken.reply?.status).toBe(status);
    expect(read(taken)).toMatchObject({ status: word, reason: 'message.text: nothing is at body.title' });
    expect(accepted).toEqual([]);
  });

  it('answers checks of the address only as it is told to', async () => {
    const asked = (spec: object, raw: Partial<RawWebhook>) =>
      createWebhookAdapter(contextFor(spec)).verifyWebhookChallenge?.({ ...posted('{}', {}), ...raw });
    const get = { method: 'GET', query: { challenge: 'é👋', hub: 'x' } } as const;
    expect(asked({}, get)).toBeUndefined();
    expect(asked({ challenge: { query: 'challenge' } }, get)).toMatchObject({ status: 200, body: 'é👋' });
    const post = { body: new TextEncoder().encode('{"type":"url_verification","challenge":"c"}') };
    expect(asked({}, post)).toBeUndefined();
    expect(asked({ challenge: { field: 'challenge' } }, post)).toMatchObject({ body: '{"challenge":"c"}' });
    expect(asked({ signature: { scheme: 'slack', secret } }, post)).toMatchObject({
      body: '{"challenge":"c"}',
    });
  });

  it('warns where nothing is checked', async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, text?: string) => warnings.push(text ?? '') };
    await started({ signature: { scheme: 'none' } }, { logger });
    expect(warnings.join()).toContain('whoever finds the address');
  });

  const address = { channel: 'hook', platform: 'webhook', accountId: 'hook', chatId: 'c' };
  const send = (spec: object, more: object = {}) =>
    createWebhookAdapter(contextFor(spec))
      .sendChunk(
        { ...address, ...more },
        { body: '{"a":1}', plain: 'a' },
        { signal: AbortSignal.timeout(10_000), key: 'rsp_1:0' },
      )
      .catch((error: unknown) => error);

  it.each([
    [{ status: 500 }, { verdict: 'retry', retryAfterMs: undefined }],
    [{ status: 302, headers: { location: '/x' } }, { verdict: 'retry' }],
    [{ status: 404 }, { verdict: 'retry' }],
    [{ status: 429 }, { verdict: 'retry', code: 'rate_limited', retryAfterMs: 60_000 }],
    [
      { status: 503, headers: { 'retry-after': '7' } },
      { verdict: 'retry', retryAfterMs: undefined, leastWaitMs: 7000 },
    ],
    [
      { status: 429, headers: { 'retry-after': 'Fri, 01 Jan 2100 00:00:00 GMT' } },
      { retryAfterMs: 86_400_000 },
    ],
    [{ status: 410 }, { verdict: 'permanent' }],
    [{ status: 500, headers: { 'webhook-delivery': 'abort-message' } }, { verdict: 'permanent' }],
    ['cut' as const, { verdict: 'ambiguous' }],
  ])('reads %j as %j', async (answer, expected) => {
    receiver.answers.push(answer);
    expect(await send({ reply: { url: `${receiver.url}/x` } })).toMatchObject(expected);
    expect(receiver.posts).toHaveLength(1);
  });

  it('knows that nothing arrived where nobody listens', async () => {
    const { url } = receiver;
    await receiver.stop();
    expect(await send({ reply: { url } })).toMatchObject({ verdict: 'retry' });
    receiver = await FakeReceiver.start();
  });

  it('has nowhere to send where no address is named', async () => {
    expect(await send({})).toMatchObject({ verdict: 'permanent' });
    expect(await send({}, { url: receiver.url })).toMatchObject({ verdict: 'permanent' });
    expect(receiver.posts).toEqual([]);
  });

  it('signs with each secret that counts, and lets no header of the definition replace that', async () => {
    const secrets = [secret, `whsec_${'QUJD'.repeat(8)}`];
    await send({
      reply: { url: receiver.url, secret: secrets, headers: { 'Webhook-Id': 'mine', 'X-Team': 'a' } },
    });
    const [post] = receiver.posts;
    expect(post?.headers).toMatchObject({
      'webhook-id': 'rsp_1:0',
      'x-team': 'a',
      'content-type': 'application/json',
    });
    expect(String(post?.headers['webhook-signature'])).toMatch(/^v1,\S{44} v1,\S{44}$/);
  });
});

describe('a definition', () => {
  const faultsOf = (spec: object): string => {
    const parsed = channelDefinition.safeParse({
      apiVersion: 'agent33/v1',
      kind: 'Channel',
      metadata: { name: 'hook' },
      spec: { platform: 'webhook', signature: { scheme: 'none' }, ...spec },
    });
    return parsed.success
      ? ''
      : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join();
  };

  it.each([
    [{}, 'nothing would happen'],
    [{ agent: 'a', team: 'b' }, 'only one of'],
    [{ agent: 'a', targets: [{ team: 'b' }] }, 'spec.targets'],
    [{ publish: 'x.y', routes: [{ name: 'r', agent: 'a' }] }, 'spec.routes'],
    [{ agent: 'a', reply: {} }, 'url or urlFrom'],
    [{ agent: 'a', reply: { url: 'https://x.example', secret: 'too short' } }, '24'],
    [{ agent: 'a', reply: { url: 'ftp://x.example' } }, 'spec.reply.url'],
    [{ agent: 'a', reply: { urlFrom: 'body.x', hosts: ['https://x.example'] } }, 'without scheme'],
    [{ agent: 'a', busy: 'never' }, 'spec.busy'],
  ])('that cannot work is refused: %j', (spec, part) => {
    expect(faultsOf(spec)).toContain(part);
  });

  it('has each call as a turn of its own unless it says otherwise', () => {
    const spec = contextFor({}).definition.spec;
    expect([spec.busy, spec.typing, spec.access.dm]).toEqual(['followup', false, 'open']);
  });
});
