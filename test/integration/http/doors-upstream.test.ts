import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/index.ts';
import { startFakeAnthropic } from '../../../src/testing/fake-anthropic-server.ts';
import type { FakeModelServer } from '../../../src/testing/fake-model-server.ts';
import { startFakeOllama } from '../../../src/testing/fake-ollama-server.ts';
import { startFakeOpenAI } from '../../../src/testing/fake-openai-server.ts';

const hello = [{ role: 'user' as const, content: 'hello' }];
const gpt = 'openai/gpt-x';
const sonnet = 'anthropic/claude-x';
const llama = 'ollama/llama3.2';
const usage = { inputTokens: 9, outputTokens: 4 };

describe('doors before upstreams of every shape', () => {
  let app: TestApp;
  let openai: FakeModelServer;
  let claude: FakeModelServer;
  let ollama: FakeModelServer;
  beforeAll(async () => {
    [openai, claude, ollama] = await Promise.all([
      startFakeOpenAI(),
      startFakeAnthropic(),
      startFakeOllama(),
    ]);
    app = await createMemoryApp({
      env: {
        OPENAI_API_KEY: 'sk-upstream',
        OPENAI_BASE_URL: `${openai.url}/v1`,
        ANTHROPIC_API_KEY: 'sk-upstream',
        ANTHROPIC_BASE_URL: `${claude.url}/v1`,
        OLLAMA_BASE_URL: ollama.url,
      },
    });
  });
  afterAll(async () => {
    await app.stop();
    await Promise.all([openai.stop(), claude.stop(), ollama.stop()]);
  });

  const anthropicClient = () => new Anthropic({ apiKey: app.apiKey, baseURL: app.url, maxRetries: 0 });
  const openaiClient = () => new OpenAI({ apiKey: app.apiKey, baseURL: `${app.url}/v1`, maxRetries: 0 });
  const ollamaClient = () =>
    new Ollama({ host: `${app.url}/ollama`, headers: { authorization: `Bearer ${app.apiKey}` } });

  it('the Anthropic SDK: bytes for Claude, under the name that it knows', async () => {
    claude.reply({ chunks: ['he', 'llo'], usage }, { chunks: ['he', 'llo'], usage });
    const body = {
      model: sonnet,
      max_tokens: 50,
      system: [{ type: 'text' as const, text: 'be kind', cache_control: { type: 'ephemeral' as const } }],
      messages: hello,
    };
    const { data, response } = await anthropicClient()
      .messages.create(body, { headers: { 'anthropic-beta': 'some-beta' } })
      .withResponse();
    expect(data.content).toMatchObject([{ type: 'text', text: 'hello' }]);
    expect(response.headers.get('x-a33-model')).toBe('anthropic/claude-x');
    const sent = claude.chatRequests.at(-1);
    expect(sent?.body).toMatchObject({ ...body, model: 'claude-x' });
    expect(sent?.headers['anthropic-beta']).toBe('some-beta');
    expect(sent?.headers['x-api-key']).toBe('sk-upstream');
    const streamed = await anthropicClient().messages.stream(body).finalMessage();
    expect(streamed.content).toMatchObject([{ text: 'hello' }]);
  });

  it('the Anthropic SDK: translated for OpenAI and Ollama, tools included', async () => {
    const tools = [{ name: 'add', description: 'adds', input_schema: { type: 'object' as const } }];
    for (const [model, upstream] of [
      [gpt, openai],
      [llama, ollama],
    ] as const) {
      upstream.reply(
        { toolCalls: [{ name: 'add', arguments: { a: 1 } }], usage },
        { chunks: ['it ', 'is 2'], usage },
      );
      const body = { model, max_tokens: 50, tools };
      const first = await anthropicClient()
        .messages.stream({ ...body, messages: hello })
        .finalMessage();
      expect(first.stop_reason).toBe('tool_use');
      const [use] = first.content;
      if (use?.type !== 'tool_use') throw new Error('no call');
      expect(use).toMatchObject({ name: 'add', input: { a: 1 } });
      const second = await anthropicClient().messages.create({
        ...body,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        messages: [
          ...hello,
          { role: 'assistant', content: first.content },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: '2' }] },
        ],
      });
      expect(second.content).toMatchObject([{ type: 'text', text: 'it is 2' }]);
      expect(second.usage).toMatchObject({ input_tokens: 9, output_tokens: 4 });
      expect(JSON.stringify(upstream.chatRequests.at(-1)?.body['messages'])).toContain('"2"');
    }
  });

  it('the Responses API before each of them', async () => {
    for (const [model, upstream] of [
      [gpt, openai],
      [sonnet, claude],
      [llama, ollama],
    ] as const) {
      upstream.reply({ chunks: ['one'], usage }, { chunks: ['two'], usage });
      const first = await openaiClient().responses.create({ model, input: 'hello', max_output_tokens: 20 });
      const second = await openaiClient()
        .responses.stream({ model, input: 'and?', previous_response_id: first.id, max_output_tokens: 20 })
        .finalResponse();
      expect([first.output_text, second.output_text]).toEqual(['one', 'two']);
      expect(second.usage).toMatchObject({ input_tokens: 9, output_tokens: 4 });
      const sent = upstream.chatRequests.at(-1)?.body['messages'] as { role: string }[];
      expect(sent.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    }
  });

  it('the client of Ollama: its own options reach an Ollama, and spare others', async () => {
    for (const [model, upstream] of [
      [llama, ollama],
      [gpt, openai],
      [sonnet, claude],
    ] as const) {
      upstream.reply({ chunks: ['he', 'llo'], usage });
      const answer = await ollamaClient().chat({
        model,
        messages: hello,
        keep_alive: '7m',
        options: { num_ctx: 8192, temperature: 0.5, num_predict: 30 },
      });
      expect(answer.message.content).toBe('hello');
      expect(answer).toMatchObject({ prompt_eval_count: 9, eval_count: 4 });
    }
    expect(ollama.chatRequests.at(-1)?.body).toMatchObject({
      keep_alive: '7m',
      options: { num_ctx: 8192, temperature: 0.5, num_predict: 30 },
    });
    const sent = claude.chatRequests.at(-1)?.body ?? {};
    expect(Object.keys(sent).toSorted()).toEqual(['max_tokens', 'messages', 'model']);
  });

  it('errors of an upstream come through each door in its shape, before and within a stream', async () => {
    openai.fail({ kind: 'status', status: 400, message: 'no such thing' });
    await expect(
      anthropicClient().messages.create({ model: gpt, max_tokens: 9, messages: hello }),
    ).rejects.toMatchObject({ type: expect.stringMatching(/_error$/) as string });
    openai.reply({ chunks: ['a', 'b', 'c'] });
    openai.fail({ kind: 'cut', afterPieces: 3 });
    await expect(
      anthropicClient().messages.stream({ model: gpt, max_tokens: 9, messages: hello }).finalMessage(),
    ).rejects.toThrow();
    openai.reply({ chunks: ['a', 'b', 'c'] });
    openai.fail({ kind: 'cut', afterPieces: 3 });
    await expect(
      openaiClient().responses.stream({ model: gpt, input: 'hello' }).finalResponse(),
    ).rejects.toThrow();
    openai.reply({ chunks: ['a', 'b', 'c'] });
    openai.fail({ kind: 'cut', afterPieces: 3 });
    const read = async (): Promise<void> => {
      for await (const part of await ollamaClient().chat({ model: gpt, messages: hello, stream: true }))
        expect(part.model).toBe(gpt);
    };
    await expect(read()).rejects.toThrow();
  });

  it('a client that leaves takes its call along, through each door', async () => {
    const before = openai.chatRequests.length;
    const left = openai.clientsLeft;
    openai.fail(
      { kind: 'never-ending', everyMs: 5 },
      { kind: 'never-ending', everyMs: 5 },
      { kind: 'never-ending', everyMs: 5 },
    );
    const message = await anthropicClient().messages.create({
      model: gpt,
      max_tokens: 9,
      messages: hello,
      stream: true,
    });
    for await (const event of message) if (event.type === 'content_block_delta') break;
    const response = await openaiClient().responses.create({ model: gpt, input: 'hello', stream: true });
    for await (const event of response) if (event.type === 'response.output_text.delta') break;
    const chat = await ollamaClient().chat({ model: gpt, messages: hello, stream: true });
    const read = async (): Promise<void> => {
      for await (const part of chat) if (part.message.content !== '') chat.abort();
    };
    // Whether its iterator ends or throws then is a matter of timing.
    await read().catch(() => {});
    await openai.untilClientsLeft(left + 3);
    expect(openai.chatRequests.length - before).toBe(3);
  });
});
