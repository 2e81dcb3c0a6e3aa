import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { streamText } from 'ai';
import OpenAI, { AuthenticationError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { FakeModel, type TestApp } from '../../../src/testing/index.ts';

const agent = (name: string, spec: string): string =>
  `apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec: { ${spec} }\n`;

/** A model that calls the calculator once and then answers with its result. */
const counting = new FakeModel({
  name: 'fake',
  models: ['model'],
  afterLast: 'loop',
  turns: [
    (request) => {
      const last = request.messages.at(-1);
      if (last?.role === 'tool')
        return { chunks: ['It is ', last.content], usage: { inputTokens: 7, outputTokens: 3 } };
      return {
        toolCalls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }],
        usage: { inputTokens: 5, outputTokens: 2 },
      };
    },
  ],
});

describe('real clients on a whole server', () => {
  let app: TestApp;
  let client: OpenAI;

  beforeAll(async () => {
    app = await createMemoryApp({
      fakeModel: counting,
      files: { 'agents/sums.yaml': agent('sums', 'tools: [calculator]') },
    });
    client = new OpenAI({ apiKey: app.apiKey, baseURL: `${app.url}/v1`, maxRetries: 0 });
  });
  afterAll(() => app.stop());

  it('lists every agent as a model of the openai client', async () => {
    const models = await client.models.list();
    expect(models.data.map((model) => model.id)).toContain('sums');
    await expect(client.models.retrieve('nobody')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  it('answers the openai client, with the usage of all model calls', async () => {
    const answer = await client.chat.completions.create({
      model: 'sums',
      messages: [{ role: 'user', content: 'six times seven' }],
    });
    expect(answer.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { role: 'assistant', content: 'It is 6 * 7 = 42' },
    });
    expect(answer.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 });
  });

  it('streams to the openai client and ends with the usage', async () => {
    const stream = await client.chat.completions.create({
      model: 'sums',
      messages: [{ role: 'user', content: 'six times seven' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let total = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      total = chunk.usage?.total_tokens ?? total;
    }
    expect(text).toBe('It is 6 * 7 = 42');
    expect(total).toBe(17);
  });

  it('streams to the AI SDK', async () => {
    const provider = createOpenAICompatible({
      name: 'agent33',
      baseURL: `${app.url}/v1`,
      apiKey: app.apiKey,
    });
    const { textStream } = streamText({ model: provider('sums'), prompt: 'six times seven' });
    let text = '';
    for await (const part of textStream) text += part;
    expect(text).toBe('It is 6 * 7 = 42');
  });

  it('refuses a wrong key as the openai client expects it', async () => {
    const stranger = new OpenAI({ apiKey: 'a33_wrong', baseURL: `${app.url}/v1`, maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(AuthenticationError);
  });

  it('keeps a conversation over the chat route and shows it', async () => {
    const first = (await (
      await app.request('POST', '/api/v1/chat', { message: 'one', agent: 'sums' })
    ).json()) as { session_id: string; run_id: string };
    const second = (await (
      await app.request('POST', '/api/v1/chat', {
        message: 'two',
        agent: 'sums',
        session_id: first.session_id,
      })
    ).json()) as { session_id: string };
    expect(second.session_id).toBe(first.session_id);
    const asked = counting.lastCall?.messages
      .filter((message) => message.role === 'user')
      .map((message) => message.content);
    expect(asked).toEqual(['one', 'two']);
    const steps = (await (await app.request('GET', `/api/v1/runs/${first.run_id}/steps`)).json()) as {
      items: { key: string }[];
    };
    expect(steps.items.map((step) => step.key)).toEqual(['model:1', 'tool:1:0', 'model:2']);
  });

  it('answers a repeated request with the same idempotency key by the first run', async () => {
    const send = async () =>
      (await (
        await app.request(
          'POST',
          '/api/v1/chat',
          { message: 'again', agent: 'sums' },
          { 'idempotency-key': 'k1' },
        )
      ).json()) as { run_id: string };
    expect((await send()).run_id).toBe((await send()).run_id);
  });

  it('names what is wrong with a request', async () => {
    const unknown = await app.request('POST', '/api/v1/chat', { message: 'x', agent: 'smus' });
    expect(unknown.status).toBe(404);
    expect(await unknown.text()).toContain('sums');
    const field = await app.request('POST', '/api/v1/chat', { mesage: 'x' });
    expect(field.status).toBe(400);
    expect(await field.text()).toContain('mesage');
    expect((await fetch(`${app.url}/api/v1/runs`)).status).toBe(401);
  });
});
