import type { LanguageModelV2, LanguageModelV3, LanguageModelV4 } from '@ai-sdk/provider';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import { llmProviderContract } from '../../../testing/contracts/llm-provider-contract.ts';
import { startFakeOpenAI } from '../../../testing/models.ts';
import type { ModelEvent, ModelRequest } from '../provider.ts';
import { adaptProvider } from './adapt-provider.ts';
import { checkProvider } from './check-provider.ts';
import { fromLanguageModel } from './from-language-model.ts';
import type { SimpleProvider, SimpleRequest } from './simple-provider.ts';

const { signal } = new AbortController();
const request: ModelRequest = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };

async function eventsOf(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const all: ModelEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

llmProviderContract('a language model of the AI SDK', async () => {
  const server = await startFakeOpenAI();
  const openai = createOpenAICompatible({
    name: 'acme',
    baseURL: `${server.url}/v1`,
    apiKey: 'sk-test',
    includeUsage: true,
  });
  return {
    provider: fromLanguageModel('acme', (model) => openai.chatModel(model), {
      models: ['fake-model'],
      timeoutMs: 1500,
      idleTimeoutMs: 250,
      clock: systemClock,
      embeddingModel: () => ({
        maxEmbeddingsPerCall: 100,
        doEmbed: async ({ values, abortSignal }) => {
          abortSignal?.throwIfAborted();
          return { embeddings: values.map((value) => [value.length]), usage: { tokens: values.length } };
        },
      }),
    }),
    model: 'fake-model',
    reply: (...turns) => server.reply(...turns),
    stop: () => server.stop(),
  };
});

const picture = { type: 'image', url: 'data:image/png;base64,AA==' } as const;
const seen: ModelRequest = {
  model: 'm',
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'Look' }, picture] },
    { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'f', arguments: { a: 1 } }] },
    { role: 'tool', toolCallId: '1', name: 'f', content: 'done', parts: [picture] },
  ],
};
const nothing = { supportedUrls: {}, provider: 'acme', modelId: 'one' };
const stream = <T>(parts: readonly T[]) =>
  new ReadableStream<T>({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });

describe('a model of an older specification', () => {
  it('of version 2 is understood: flat usage, plain reasons, plain data', async () => {
    const asked: unknown[] = [];
    const model: LanguageModelV2 = {
      ...nothing,
      specificationVersion: 'v2',
      doGenerate: (options) => {
        asked.push(options);
        return Promise.resolve({
          content: [{ type: 'text', text: 'A dot.' }],
          finishReason: 'length',
          usage: {
            inputTokens: 9,
            outputTokens: 5,
            totalTokens: 14,
            reasoningTokens: 2,
            cachedInputTokens: 4,
          },
          warnings: [],
        });
      },
      doStream: () =>
        Promise.resolve({
          stream: stream([
            { type: 'text-delta' as const, id: '1', delta: 'A dot.' },
            {
              type: 'finish' as const,
              finishReason: 'unknown' as const,
              usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
            },
          ]),
        }),
    };
    const provider = fromLanguageModel('acme', model);
    expect(await provider.complete(seen, { signal })).toMatchObject({
      text: 'A dot.',
      finishReason: 'length',
      usage: { inputTokens: 9, outputTokens: 5, reasoningTokens: 2, cachedInputTokens: 4 },
    });
    expect(asked[0]).toMatchObject({
      prompt: [
        { content: [{ type: 'text' }, { type: 'file', mediaType: 'image/png', data: 'AA==' }] },
        {},
        {
          content: [
            {
              output: {
                type: 'content',
                value: [
                  { type: 'text', text: 'done' },
                  { type: 'media', data: 'AA==', mediaType: 'image/png' },
                ],
              },
            },
          ],
        },
      ],
    });
    expect(await eventsOf(provider.stream(seen, { signal }))).toMatchObject([
      { type: 'text-delta', text: 'A dot.' },
      { type: 'finish', finishReason: 'other', usage: { inputTokens: 1, outputTokens: 2 } },
    ]);
    expect(await provider.listModels({ signal })).toEqual([{ id: 'one', provider: 'acme' }]);
  });

  it('of version 3 is understood', async () => {
    const usage = {
      inputTokens: { total: 9, noCache: 5, cacheRead: 4, cacheWrite: undefined },
      outputTokens: { total: 5, text: 5, reasoning: undefined },
    };
    let prompt: unknown;
    const model: LanguageModelV3 = {
      ...nothing,
      specificationVersion: 'v3',
      doGenerate: (options) => {
        ({ prompt } = options);
        return Promise.resolve({
          content: [{ type: 'file', mediaType: 'image/png', data: 'AA==' }],
          finishReason: { unified: 'stop', raw: 'STOP' },
          usage,
          warnings: [],
        });
      },
      doStream: () => Promise.reject(new Error('not here')),
    };
    const answer = await fromLanguageModel('acme', () => model).complete(seen, { signal });
    expect(answer).toMatchObject({
      usage: { inputTokens: 9, cachedInputTokens: 4 },
      extra: { images: [{ image_url: { url: picture.url } }] },
    });
    expect(JSON.stringify(prompt)).toContain('"type":"file-data","data":"AA=="');
  });

  it('of another version, and what is no model, is refused with words', async () => {
    const model = { ...nothing, specificationVersion: 'v9', doGenerate() {}, doStream() {} };
    expect(() => fromLanguageModel('acme', model as never)).toThrow(/version "v9"/);
    expect(() => fromLanguageModel('acme', 'gpt' as never)).toThrow(/language model of the AI SDK/);
    const none = fromLanguageModel('acme', () => ({}) as never);
    await expect(none.complete(request, { signal })).rejects.toMatchObject({ code: 'invalid_definition' });
  });

  it('gets options by name of its own provider, and cache marks', async () => {
    let options: Parameters<LanguageModelV4['doGenerate']>[0] | undefined;
    const model: LanguageModelV4 = {
      ...nothing,
      specificationVersion: 'v4',
      doGenerate: (given) => {
        options = given;
        return Promise.reject(new Error('enough seen'));
      },
      doStream: () => Promise.reject(new Error('not here')),
    };
    await fromLanguageModel('acme', model)
      .complete(
        {
          ...request,
          messages: [{ role: 'system', content: 'x', cacheControl: { type: 'ephemeral' } }],
          extra: { providerOptions: { acme: { depth: 3 } }, reasoning_effort: 'low', store: true },
        },
        { signal },
      )
      .catch(() => {});
    expect(options).toMatchObject({ reasoning: 'low', providerOptions: { acme: { depth: 3 } } });
    expect(options?.prompt[0]?.providerOptions).toEqual({
      anthropic: { cacheControl: { type: 'ephemeral' } },
    });
  });
});

describe('a provider of two methods', () => {
  const make = (more: Partial<SimpleProvider>) =>
    adaptProvider({ name: 'mine', listModels: () => ['a'], ...more });

  it('is a whole one, whichever way it reads its argument', async () => {
    for (const complete of [
      (messages: SimpleRequest) => `${messages.length} ${String(messages[0]?.content)}`,
      ({ messages, model }: ModelRequest) => ({ content: `1 Hello`, model, n: messages.length }),
      (_messages: SimpleRequest, { model }: { model: string }) => ({ text: '1 Hello', model }),
    ]) {
      const provider = make({ complete });
      checkProvider(provider);
      expect(await provider.complete(request, { signal })).toMatchObject({ text: '1 Hello', model: 'm' });
      const events = await eventsOf(provider.stream(request, { signal }));
      expect(events).toMatchObject([
        { type: 'text-delta', text: '1 Hello' },
        { type: 'finish', model: 'm' },
      ]);
      expect(await provider.listModels({ signal })).toEqual([{ id: 'a', provider: 'mine' }]);
    }
  });

  it('tells its usage, or it is estimated, never nothing', async () => {
    const told = make({ generate: () => ({ text: 'x', prompt_tokens: 7, completion_tokens: 3 }) });
    expect((await told.complete(request, { signal })).usage).toEqual({
      inputTokens: 7,
      outputTokens: 3,
      costUsd: null,
    });
    const { usage } = await make({ complete: () => 'Good day to you' }).complete(request, { signal });
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect(usage.outputTokens).toBeGreaterThan(0);
  });

  it('may stream texts, and call tools with arguments as text', async () => {
    const provider = make({
      async *stream() {
        yield 'Good';
        yield ' day';
      },
    });
    expect(await provider.complete(request, { signal })).toMatchObject({
      text: 'Good day',
      finishReason: 'stop',
    });
    const calling = make({
      complete: () => ({ toolCalls: [{ id: '1', name: 'f', arguments: '{"a":1}' }] }),
    });
    expect(await calling.complete(request, { signal })).toMatchObject({
      toolCalls: [{ arguments: { a: 1 } }],
      finishReason: 'tool-calls',
    });
  });

  it('is answered for when it hangs or throws', async () => {
    const controller = new AbortController();
    const hanging = make({ complete: () => new Promise<string>(() => {}) });
    const waiting = hanging.complete(request, { signal: controller.signal });
    const events = eventsOf(hanging.stream(request, { signal: controller.signal }));
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect((await events).at(-1)).toMatchObject({ type: 'error', error: { code: 'cancelled' } });
    const broken = make({ complete: () => Promise.reject(new Error('no plug')) });
    await expect(broken.complete(request, { signal })).rejects.toMatchObject({
      code: 'upstream_error',
      message: /"mine" failed: no plug/,
    });
  });

  it('is refused with every fault when it has neither', () => {
    expect(() => checkProvider(adaptProvider({ name: 'mine' } as never))).toThrow(
      /`complete` is missing.*`listModels`/,
    );
  });
});
