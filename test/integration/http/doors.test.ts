import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, streamText } from 'ai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../../../src/protocol/index.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { FakeModel, type TestApp } from '../../../src/testing/index.ts';

const agent = (name: string, spec: string): string =>
  `apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec: { ${spec} }\n`;

/** A model that tells how many messages it saw, and answers "go on" without end. */
const counting = new FakeModel({
  name: 'fake',
  models: ['model'],
  afterLast: 'loop',
  turns: [
    (request) => {
      const last = request.messages.at(-1);
      const said = last === undefined ? '' : textOf(last.content);
      if (said === 'wait') return { hang: true };
      return { chunks: [`${request.messages.length}: `, said], usage: { inputTokens: 7, outputTokens: 3 } };
    },
  ],
});

describe('clients of every kind on a whole server', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createMemoryApp({
      fakeModel: counting,
      files: { 'agents/echo.yaml': agent('echo', 'instructions: repeat') },
    });
  });
  afterAll(() => app.stop());

  const openai = () => new OpenAI({ apiKey: app.apiKey, baseURL: `${app.url}/v1`, maxRetries: 0 });
  const anthropic = () => new Anthropic({ apiKey: app.apiKey, baseURL: app.url, maxRetries: 0 });
  const ollama = () =>
    new Ollama({ host: `${app.url}/ollama`, headers: { authorization: `Bearer ${app.apiKey}` } });

  it('a conversation of the Responses API goes on in the session of the agent', async () => {
    const client = openai();
    const first = await client.responses.create({ model: 'echo', input: 'one' });
    const second = await client.responses.create({
      model: 'echo',
      input: 'two',
      previous_response_id: first.id,
    });
    const third = await client.responses
      .stream({ model: 'echo', input: 'three', previous_response_id: second.id })
      .finalResponse();
    // Instructions, then one message more by the user and one by the agent each time.
    expect([first, second, third].map((one) => one.output_text)).toEqual(['2: one', '4: two', '6: three']);
    expect((await client.responses.retrieve(third.id)).output_text).toBe('6: three');
    const branch = await client.responses.create({
      model: 'echo',
      input: 'other',
      previous_response_id: first.id,
    });
    expect(branch.output_text).toBe('4: other');
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
  });

  it('a conversation with a model goes on from what is stored', async () => {
    const client = openai();
    const first = await client.responses.create({ model: 'fake/model', input: 'one' });
    const second = await client.responses.create({
      model: 'fake/model',
      input: [{ role: 'user', content: 'two \u0000 ✓' }],
      previous_response_id: first.id,
    });
    expect([first.output_text, second.output_text]).toEqual(['1: one', '3: two \u0000 ✓']);
    const items = await client.responses.inputItems.list(second.id);
    expect(items.data).toMatchObject([{ content: [{ text: 'two \u0000 ✓' }] }]);
  });

  it.each(['echo', 'fake/model'])('the AI SDK talks to %s over each of its providers', async (name) => {
    const keys = { apiKey: app.apiKey, baseURL: `${app.url}/v1` };
    const models = [
      createOpenAI(keys)(name),
      createOpenAI(keys).chat(name),
      createOpenAICompatible({ name: 'agent33', ...keys })(name),
      createAnthropic(keys)(name),
    ];
    for (const model of models) {
      const { text, usage } = await generateText({ model, prompt: 'hello', maxOutputTokens: 100 });
      expect(text).toMatch(/^\d: hello$/);
      expect(usage.totalTokens).toBe(10);
      let streamed = '';
      for await (const piece of streamText({ model, prompt: 'hello', maxOutputTokens: 100 }).textStream)
        streamed += piece;
      expect(streamed).toBe(text);
    }
  });

  it.each(['echo', 'fake/model'])('the Anthropic SDK talks to %s', async (model) => {
    const client = anthropic();
    const messages = [{ role: 'user' as const, content: 'hello' }];
    const whole = await client.messages.create({ model, max_tokens: 100, messages });
    const streamed = await client.messages.stream({ model, max_tokens: 100, messages }).finalMessage();
    expect(streamed.content).toEqual(whole.content);
    expect(whole.usage).toMatchObject({ input_tokens: 7, output_tokens: 3 });
    expect((await client.messages.countTokens({ model, messages })).input_tokens).toBeGreaterThan(0);
  });

  it.each(['echo', 'fake/model', 'echo:latest'])('the client of Ollama talks to %s', async (model) => {
    const client = ollama();
    const { message } = await client.chat({ model, messages: [{ role: 'user', content: 'hello' }] });
    expect(message.content).toMatch(/^\d: hello$/);
    let streamed = '';
    for await (const part of await client.generate({ model, prompt: 'hello', stream: true }))
      streamed += part.response;
    expect(streamed).toBe(message.content);
    expect((await client.list()).models.map(({ name }) => name)).toContain('echo:latest');
    expect((await client.show({ model })).capabilities).toContain('completion');
  });

  it('a run of an agent ends when its client leaves, whatever the door', async () => {
    const leave = new AbortController();
    const waiting = [
      openai().responses.create({ model: 'echo', input: 'wait' }, { signal: leave.signal }),
      anthropic().messages.create(
        { model: 'echo', max_tokens: 9, messages: [{ role: 'user', content: 'wait' }] },
        { signal: leave.signal },
      ),
      fetch(`${app.url}/ollama/api/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${app.apiKey}` },
        body: JSON.stringify({ model: 'echo', messages: [{ role: 'user', content: 'wait' }] }),
        signal: leave.signal,
      }),
    ];
    const ended = Promise.allSettled(waiting);
    const statuses = async (): Promise<string[]> => {
      const answer = await app.request('GET', '/api/v1/runs?limit=3');
      const { items } = (await answer.json()) as { items: { status: string }[] };
      return items.map(({ status }) => status);
    };
    await expect.poll(statuses, { timeout: 10_000 }).toEqual(['running', 'running', 'running']);
    leave.abort();
    expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect.poll(statuses, { timeout: 10_000 }).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });
});

describe('without any language model', () => {
  it('every door answers honestly', async () => {
    const app = await createMemoryApp({
      files: { 'agent33.yaml': 'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\n' },
      env: { OLLAMA_BASE_URL: '' },
    });
    try {
      const model = 'offline/assistant';
      const response = await new OpenAI({ apiKey: app.apiKey, baseURL: `${app.url}/v1` }).responses
        .create({ model, input: 'hello' })
        .withResponse();
      expect(response.data.output_text).toMatch(/no language model/i);
      expect(response.response.headers.get('x-a33-offline')).toBe('true');
      const message = await new Anthropic({ apiKey: app.apiKey, baseURL: app.url }).messages.create({
        model,
        max_tokens: 100,
        messages: [{ role: 'user', content: 'hello' }],
      });
      expect(JSON.stringify(message.content)).toMatch(/no language model/i);
      const chat = await new Ollama({
        host: `${app.url}/ollama`,
        headers: { authorization: `Bearer ${app.apiKey}` },
      }).chat({ model, messages: [{ role: 'user', content: 'hello' }] });
      expect(chat.message.content).toMatch(/no language model/i);
    } finally {
      await app.stop();
    }
  });
});
