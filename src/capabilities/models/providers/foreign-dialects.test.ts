import { describe, expect, it } from 'vitest';
import { AppError, systemClock, type JsonObject } from '../../../base/index.ts';
import type { LLMProvider, ModelRequest } from '../provider.ts';
import { createAnthropicProvider } from './anthropic-provider.ts';
import { createBedrockProvider } from './bedrock-provider.ts';
import { createCohereProvider } from './cohere-provider.ts';
import { createGoogleProvider } from './google-provider.ts';
import { createOllamaProvider } from './ollama-provider.ts';
import { OllamaContext } from './ollama-context.ts';

const { signal } = new AbortController();
const mark = { type: 'ephemeral', ttl: '1h' } as const;
const clock = {
  name: 'clock',
  description: 'Tells the time.',
  parameters: { type: 'object' },
  cacheControl: mark,
};
const request: ModelRequest = {
  model: 'claude-sonnet-4-5',
  tools: [clock],
  settings: { maxTokens: 5000 },
  messages: [
    { role: 'system', content: 'Be brief.', cacheControl: mark },
    { role: 'user', content: 'Hello' },
    { role: 'system', content: 'And kind.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Look', cacheControl: mark },
        { type: 'image', url: 'data:image/png;base64,AA==' },
        { type: 'file', url: 'data:application/pdf;base64,AA==', mimeType: 'application/pdf', name: 'a.pdf' },
      ],
    },
  ],
};

/** The body that a provider sends for a request; the answer to it is always `{}`. */
async function bodyOf(
  make: (parts: { fetch: typeof globalThis.fetch; clock: typeof systemClock }) => LLMProvider,
  asked: ModelRequest,
): Promise<JsonObject> {
  let body = '{}';
  const provider = make({
    clock: systemClock,
    fetch: async (input, init) => {
      const sent = new Request(input, init);
      if (sent.url.endsWith('/api/show'))
        return Response.json({ model_info: { 'llama.context_length': 8192 } });
      body = await sent.text();
      return Response.json({});
    },
  });
  await provider.complete(asked, { signal }).catch(() => {});
  return JSON.parse(body) as JsonObject;
}

describe('Anthropic', () => {
  const send = (asked: ModelRequest) =>
    bodyOf((parts) => createAnthropicProvider({ ...parts, apiKey: 'k' }), asked);

  it('gets cache marks on system, messages and tools, files and pictures', async () => {
    const body = await send(request);
    expect(body).toMatchObject({
      system: [{ text: 'Be brief.', cache_control: mark }, { text: 'And kind.' }],
      tools: [{ name: 'clock', cache_control: mark }],
    });
    const [message] = body['messages'] as readonly { content: readonly JsonObject[] }[];
    expect(message?.content.map((part) => part['type'])).toEqual(['text', 'text', 'image', 'document']);
    expect(message?.content[1]).toMatchObject({ text: 'Look', cache_control: mark });
  });

  it('gets its own fields as they are, and those of OpenAI in its own words', async () => {
    const body = await send({
      ...request,
      extra: {
        thinking: { type: 'enabled', budget_tokens: 2000 },
        context_management: { edits: [] },
        parallel_tool_calls: false,
        user: 'ann',
        top_k: 3,
        service_tier: 'default',
        logprobs: true,
        store: true,
        prompt_cache_key: 'k',
      },
    });
    expect(body).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: 2000 },
      // On the wire the limit holds the thinking too.
      max_tokens: 5000,
      context_management: { edits: [] },
      metadata: { user_id: 'ann' },
      service_tier: 'standard_only',
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    });
    for (const name of ['logprobs', 'store', 'prompt_cache_key', 'user', 'parallel_tool_calls'])
      expect(body).not.toHaveProperty(name);
  });

  it('is not given what another provider signed', async () => {
    const body = await send({
      ...request,
      messages: [
        { role: 'user', content: 'Hello' },
        {
          role: 'assistant',
          content: 'Hi',
          reasoning: 'a thought',
          reasoningParts: [{ text: 'a thought', providerData: { bedrock: { signature: 's' } } }],
        },
        { role: 'user', content: 'And?' },
      ],
    });
    expect(JSON.stringify(body)).not.toContain('a thought');
  });
});

describe('Google', () => {
  it('gets thinking, safety settings and a schema', async () => {
    const body = await bodyOf((parts) => createGoogleProvider({ ...parts, apiKey: 'k' }), {
      ...request,
      model: 'gemini-2.5-flash',
      tools: [],
      responseFormat: { type: 'json', schema: { type: 'object', properties: { a: { type: 'string' } } } },
      extra: {
        thinking: { type: 'enabled', budget_tokens: 512 },
        safety_settings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
        generationConfig: { candidateCount: 1 },
        logprobs: true,
      },
    });
    expect(body).toMatchObject({
      generationConfig: {
        candidateCount: 1,
        maxOutputTokens: 5000,
        responseMimeType: 'application/json',
        thinkingConfig: { thinkingBudget: 512, includeThoughts: true },
      },
      safetySettings: [{ threshold: 'BLOCK_NONE' }],
      systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'And kind.' }] },
    });
    expect(JSON.stringify(body)).toContain('"mimeType":"application/pdf"');
    expect(body).not.toHaveProperty('logprobs');
  });

  it('says that a prompt was blocked, which it tells in an answer', async () => {
    const provider = createGoogleProvider({
      apiKey: 'k',
      clock: systemClock,
      fetch: () => Promise.resolve(Response.json({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } })),
    });
    await expect(
      provider.complete({ ...request, model: 'gemini-2.5-flash' }, { signal }),
    ).rejects.toMatchObject({
      code: 'content_blocked',
    });
  });
});

describe('Bedrock', () => {
  it('gets cache points, its own fields, and those of the model behind it', async () => {
    const body = await bodyOf(
      (parts) => createBedrockProvider({ ...parts, region: 'eu-central-1', apiKey: 'k' }),
      {
        ...request,
        model: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
        extra: {
          guardrailConfig: { guardrailIdentifier: 'g', guardrailVersion: '1' },
          anthropic_beta: ['context-1m-2025-08-07'],
          store: true,
        },
      },
    );
    expect(body).toMatchObject({
      guardrailConfig: { guardrailIdentifier: 'g' },
      additionalModelRequestFields: { anthropic_beta: ['context-1m-2025-08-07'] },
      inferenceConfig: { maxTokens: 5000 },
    });
    expect((body['system'] as readonly unknown[])[1]).toEqual({ cachePoint: { type: 'default', ttl: '1h' } });
    expect(JSON.stringify(body)).not.toContain('store');
  });
});

describe('Cohere', () => {
  it('embeds and ranks over its own API', async () => {
    const urls: string[] = [];
    const bodies: JsonObject[] = [];
    const provider = createCohereProvider({
      name: 'cohere',
      apiKey: 'k',
      clock: systemClock,
      fetch: async (input, init) => {
        const sent = new Request(input, init);
        urls.push(sent.url);
        const body = (await sent.json()) as JsonObject;
        bodies.push(body);
        if (sent.url.endsWith('/rerank'))
          return Response.json({
            results: [{ index: 1, relevance_score: 0.9 }],
            meta: { billed_units: { search_units: 1 } },
          });
        const texts = body['texts'] as readonly string[];
        return Response.json({
          embeddings: { float: texts.map((text) => [text.length]) },
          meta: { billed_units: { input_tokens: texts.length } },
        });
      },
    });
    const texts = Array.from({ length: 100 }, (_one, index) => 'x'.repeat(index + 1));
    const embedded = await provider.embed?.(
      { model: 'embed-v4.0', texts, dimensions: 256, extra: { input_type: 'search_query' } },
      { signal },
    );
    expect(embedded?.vectors.flat()).toEqual(texts.map((text) => text.length));
    expect(embedded?.usage.inputTokens).toBe(100);
    expect(bodies[0]).toMatchObject({
      input_type: 'search_query',
      output_dimension: 256,
      embedding_types: ['float'],
    });
    const ranked = await provider.rerank?.(
      { model: 'rerank-v3.5', query: 'q', documents: ['a', 'b'] },
      { signal },
    );
    expect(ranked?.results).toEqual([{ index: 1, score: 0.9 }]);
    expect(urls).toEqual([
      'https://api.cohere.com/v2/embed',
      'https://api.cohere.com/v2/embed',
      'https://api.cohere.com/v2/rerank',
    ]);
  });
});

describe('Ollama', () => {
  const long = 'word '.repeat(5000);
  const send = (asked: ModelRequest) =>
    bodyOf((parts) => createOllamaProvider({ ...parts, baseUrl: 'http://ollama:11434' }), asked);

  it('gets a context that fits the conversation, up to what the model has', async () => {
    const body = await send({ model: 'm', messages: [{ role: 'user', content: long }] });
    expect(body['options']).toMatchObject({ num_ctx: 8192 });
  });

  it('is not asked when the model is surely too small: it would cut the prompt without a word', async () => {
    const provider = createOllamaProvider({
      baseUrl: 'http://ollama:11434',
      clock: systemClock,
      fetch: () => Promise.resolve(Response.json({ model_info: { 'llama.context_length': 2048 } })),
    });
    const failure: unknown = await provider
      .complete({ model: 'm', messages: [{ role: 'user', content: long }] }, { signal })
      .catch((error: unknown) => error);
    expect(failure instanceof AppError && failure.code).toBe('context_window_exceeded');
  });

  it('keeps the size of a model once it was loaded with it', () => {
    const context = new OllamaContext();
    const short: ModelRequest = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
    expect(context.choose(short, 8192)).toBeUndefined();
    expect(context.choose({ ...short, messages: [{ role: 'user', content: long }] }, 32_768)).toBe(8192);
    expect(context.choose(short, 32_768)).toBe(8192);
  });

  it('gets options, thinking and pictures of tools; text files as text', async () => {
    const body = await send({
      model: 'm',
      extra: {
        num_gpu: 1,
        min_p: 0.1,
        keep_alive: '1h',
        reasoning_effort: 'low',
        store: true,
        options: { numa: true },
      },
      settings: { temperature: 0 },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Read' },
            { type: 'file', url: 'data:text/plain;base64,aGk=', mimeType: 'text/plain', name: 'a.txt' },
          ],
        },
        {
          role: 'assistant',
          content: '',
          reasoning: 'hm',
          toolCalls: [{ id: '1', name: 'f', arguments: {} }],
        },
        {
          role: 'tool',
          toolCallId: '1',
          name: 'f',
          content: 'done',
          parts: [{ type: 'image', url: 'data:image/png;base64,AA==' }],
        },
      ],
    });
    expect(body).toMatchObject({
      keep_alive: '1h',
      think: 'low',
      options: { num_gpu: 1, min_p: 0.1, numa: true, temperature: 0 },
      messages: [{ content: 'Read\n\na.txt:\nhi' }, { thinking: 'hm' }, { images: ['AA=='] }],
    });
    expect(body).not.toHaveProperty('store');
  });
});
