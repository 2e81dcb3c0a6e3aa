import { APICallError, embedMany, generateText, jsonSchema, Output, rerank, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAgent33, type Agent33Provider } from '../../../src/client/index.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { FakeModel, type TestApp } from '../../../src/testing/index.ts';

/** A plugin's provider of the smallest kind: no stream, no capabilities. */
const small = {
  name: 'small',
  complete: (messages: readonly { readonly content: unknown }[]) =>
    `small says: ${String(messages.at(-1)?.content)}`,
  listModels: () => ['one'],
  embed: async ({ texts, model }: { readonly texts: readonly string[]; readonly model: string }) => ({
    vectors: texts.map((text) => [text.length, 0.5]),
    model,
    usage: { inputTokens: texts.length, outputTokens: 0, costUsd: null },
  }),
  rerank: async ({
    documents,
    model,
  }: {
    readonly documents: readonly string[];
    readonly model: string;
  }) => ({
    results: documents
      .map((text, index) => ({ index, score: text.length / 10 }))
      .toSorted((a, b) => b.score - a.score),
    model,
    usage: { inputTokens: 1, outputTokens: 0, costUsd: null },
  }),
};

describe('agent33/client with the AI SDK', () => {
  let app: TestApp;
  let model: FakeModel;
  let agent33: Agent33Provider;

  beforeAll(async () => {
    model = new FakeModel({ name: 'fake', models: ['model'], turns: [] });
    app = await createMemoryApp({
      fakeModel: model,
      app: { providers: [model, small] },
    });
    agent33 = createAgent33({ baseUrl: app.url, apiKey: app.apiKey });
  });
  afterAll(() => app.stop());

  it('generates text, with the usage and its details', async () => {
    model.reply({
      text: 'Good day.',
      usage: { inputTokens: 20, outputTokens: 9, cachedInputTokens: 4, reasoningTokens: 2 },
    });
    const { text, usage, finishReason } = await generateText({
      model: agent33('fake/model'),
      prompt: 'Hello',
    });
    expect(text).toBe('Good day.');
    expect(finishReason).toBe('stop');
    expect(usage).toMatchObject({ inputTokens: 20, outputTokens: 9 });
    expect(usage.inputTokenDetails.cacheReadTokens).toBe(4);
    expect(usage.outputTokenDetails.reasoningTokens).toBe(2);
  });

  it('streams text and thinking', async () => {
    model.reply({ reasoning: 'They greet.', chunks: ['Good', ' day'] });
    const result = streamText({ model: agent33('fake/model'), prompt: 'Hello' });
    expect(await result.text).toBe('Good day');
    expect(await result.reasoningText).toBe('They greet.');
  });

  it('runs the tools of the program in a loop', async () => {
    model.reply({ toolCalls: [{ name: 'clock', arguments: { zone: 'UTC' } }] }, 'It is noon.');
    const zones: string[] = [];
    const clock = tool({
      description: 'Tells the time.',
      inputSchema: jsonSchema<{ zone: string }>({
        type: 'object',
        properties: { zone: { type: 'string' } },
        required: ['zone'],
      }),
      execute: ({ zone }) => {
        zones.push(zone);
        return '12:00';
      },
    });
    const { text } = await generateText({
      model: agent33('fake/model'),
      prompt: 'What time is it?',
      tools: { clock },
      stopWhen: ({ steps }) => steps.length === 2,
    });
    expect(zones).toEqual(['UTC']);
    expect(text).toBe('It is noon.');
    expect(model.lastCall?.messages.at(-1)).toMatchObject({ role: 'tool', content: '12:00' });
  });

  it('asks for structured output by schema', async () => {
    model.reply('{"city":"Bonn"}');
    const schema = jsonSchema<{ city: string }>({
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    });
    const { output } = await generateText({
      model: agent33('fake/model'),
      prompt: 'Where?',
      output: Output.object({ schema }),
    });
    expect(output).toEqual({ city: 'Bonn' });
    expect(model.lastCall?.responseFormat).toMatchObject({ type: 'json', schema: { type: 'object' } });
  });

  it('sends pictures on', async () => {
    model.reply('A dot.');
    await generateText({
      model: agent33('fake/model'),
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'file', data: Buffer.from('iVBORw0KGgo=', 'base64'), mediaType: 'image/png' },
          ],
        },
      ],
    });
    expect(model.lastCall?.messages.at(-1)).toMatchObject({
      content: [{ type: 'text' }, { type: 'image', url: 'data:image/png;base64,iVBORw0KGgo=' }],
    });
  });

  it('reaches a plugin of two methods, streamed too', async () => {
    const { text } = await generateText({ model: agent33('small/one'), prompt: 'hi' });
    expect(text).toBe('small says: hi');
    expect(await streamText({ model: agent33('small/one'), prompt: 'hi' }).text).toBe('small says: hi');
  });

  it('embeds', async () => {
    const { embeddings, usage } = await embedMany({
      model: agent33.embeddingModel('small/one'),
      values: ['a', 'bbb', 'cc'],
    });
    expect(embeddings).toEqual([
      [1, 0.5],
      [3, 0.5],
      [2, 0.5],
    ]);
    expect(usage.tokens).toBe(3);
  });

  it('ranks', async () => {
    const { ranking } = await rerank({
      model: agent33.rerankingModel('small/one'),
      query: 'which?',
      documents: ['a', 'ccc', 'bb'],
    });
    expect(ranking.map(({ originalIndex }) => originalIndex)).toEqual([1, 2, 0]);
  });

  it('reports errors with their status', async () => {
    const stranger = createAgent33({ baseUrl: `${app.url}/v1`, apiKey: 'a33_wrong' });
    const failure: unknown = await generateText({
      model: stranger('fake/model'),
      prompt: 'Hello',
      maxRetries: 0,
    }).catch((error: unknown) => error);
    expect(APICallError.isInstance(failure) && failure.statusCode).toBe(401);
    await expect(
      rerank({ model: stranger.rerankingModel('small/one'), query: 'q', documents: ['a'], maxRetries: 0 }),
    ).rejects.toMatchObject({ statusCode: 401 });
  });
});
