import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFakeOpenAI } from '../../../src/testing/fake-openai-server.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';

import { openChaosGround, type ChaosGround } from './chaos-ground.ts';

const key = ['sk-', 'Ab12Cd34Ef56Gh78Ij90Kl12Mn34'].join('');
const settings = [
  '    cache: { exact: { ttl: 1m }, exclude: { models: [nothing] } }',
  '    guards:',
  '      input: [secrets, { maxBytes: 4000 }]',
  '      output: [{ pii: { kinds: [email] } }, { blockWords: [voldemort] }]',
].join('\n');

let ground: ChaosGround;
let client: OpenAI;
beforeAll(async () => {
  ground = await openChaosGround(['a'], { models: settings });
  client = new OpenAI({ apiKey: ground.app.apiKey, baseURL: `${ground.app.url}/v1`, maxRetries: 0 });
});
afterAll(() => ground.stop());

const asked = () => ground.upstreams[0]?.calls ?? [];
const ask = (content: string, more: Record<string, unknown> = {}) =>
  client.chat.completions
    .create({ model: 'chat', messages: [{ role: 'user', content }], ...more })
    .withResponse();
const textOf = async (content: string, more: Record<string, unknown> = {}): Promise<string> => {
  const stream = await client.chat.completions.create({
    model: 'chat',
    messages: [{ role: 'user', content }],
    stream: true,
    ...more,
  });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  return text;
};

it('an answer comes once from its upstream and then from the cache, as it was seen', async () => {
  const question = `mail a@b.io about ${key}`;
  const first = await ask(question);
  const second = await ask(question);
  expect(asked()).toHaveLength(1);
  // What was asked is guarded before it goes out, what is answered before it is kept.
  expect(asked()[0]?.question).toBe('mail a@b.io about [redacted]');
  expect(first.response.headers.get('x-a33-cache')).toBe('miss');
  expect(second.response.headers.get('x-a33-cache')).toBe('hit');
  expect(second.data.choices[0]?.message.content).toBe(
    'mail [email] about [redacted] <a-0> this is the Ärger 👋 end',
  );
  expect(first.data.choices).toEqual(second.data.choices);

  // A stream is another answer, and is played again as a stream.
  const streamed = await textOf(question);
  expect(streamed).toBe('mail [email] about [redacted] <a-1> this is the Ärger 👋 end');
  expect(await textOf(question)).toBe(streamed);
  expect(asked()).toHaveLength(2);

  expect((await ask(question, { cache: { 'no-cache': true } })).data.choices[0]?.message.content).toContain(
    '<a-2>',
  );
  const { requests, cached_requests: cached } = (
    (await (await ground.app.request('GET', '/api/v1/usage')).json()) as {
      totals: { requests: number; cached_requests: number };
    }
  ).totals;
  expect([requests, cached]).toEqual([5, 2]);

  expect((await ground.app.request('DELETE', '/api/v1/models/cache')).status).toBe(204);
  expect((await ask(question)).response.headers.get('x-a33-cache')).toBe('miss');
});

it('what a guard stops is an error: with its status before the answer, in the stream after', async () => {
  const before = asked().length;
  await expect(ask('x'.repeat(4001))).rejects.toMatchObject({ status: 400, code: 'content_filter' });
  expect(asked()).toHaveLength(before);
  await expect(ask('say Voldemort')).rejects.toMatchObject({ status: 400, code: 'content_filter' });
  await expect(textOf('please say Voldemort now')).rejects.toThrow(/blockWords/);
  const { items } = (await (await ground.app.request('GET', '/api/v1/usage/calls?limit=2')).json()) as {
    items: { status: string; output_tokens: number }[];
  };
  expect(items.map(({ status }) => status)).toEqual(['content_blocked', 'content_blocked']);
  expect(items[0]?.output_tokens).toBeGreaterThan(0);
  // Nothing of it was kept.
  await expect(ask('say Voldemort')).rejects.toMatchObject({ code: 'content_filter' });
  expect(asked()).toHaveLength(before + 3);
});

it('vectors are kept too, and questions of the same meaning get the same answer', async () => {
  const upstream = await startFakeOpenAI();
  const deployment = (id: string): string =>
    `[{ id: ${id}, provider: openai, model: m, apiKey: k, baseUrl: '${upstream.url}/v1' }]`;
  const app = await createMemoryApp({
    files: {
      'agent33.yaml': [
        'apiVersion: agent33/v1',
        'kind: Project',
        'metadata: { name: test }',
        'spec:',
        '  models:',
        '    default: chat',
        '    cache: { embeddings: {}, semantic: { embeddings: vectors, threshold: 0.9 } }',
        '    guards: { input: [secrets] }',
        `    groups: { chat: ${deployment('c')}, vectors: ${deployment('v')} }`,
        '',
      ].join('\n'),
    },
  });
  try {
    const openai = new OpenAI({ apiKey: app.apiKey, baseURL: `${app.url}/v1`, maxRetries: 0 });
    const asks = () => upstream.requests.filter(({ path }) => path === '/v1/embeddings');
    const embed = (input: string[]) => openai.embeddings.create({ model: 'vectors', input });
    const first = await embed(['one', key]);
    const second = await embed(['one', key]);
    expect(second.data).toEqual(first.data);
    expect(asks()).toHaveLength(1);
    expect(asks()[0]?.body['input']).toEqual(['one', '[redacted]']);
    await embed(['two']);
    expect(asks()).toHaveLength(2);

    upstream.reply('it is so', 'it is not');
    const say = async (content: string) =>
      (await openai.chat.completions.create({ model: 'chat', messages: [{ role: 'user', content }] }))
        .choices[0]?.message.content;
    expect(await say('Is it so?')).toBe('it is so');
    expect(await say('  Is it so? ')).toBe('it is so');
    expect(upstream.chatRequests).toHaveLength(1);
  } finally {
    await app.stop();
    await upstream.stop();
  }
});
