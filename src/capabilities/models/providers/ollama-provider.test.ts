import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import { startFakeOllama, type FakeModelServer } from '../../../testing/models.ts';
import { createOllamaProvider } from './ollama-provider.ts';
import type { ModelEvent, ModelRequest } from '../provider.ts';

const { signal } = new AbortController();
const request: ModelRequest = { model: 'llama3.2', messages: [{ role: 'user', content: 'Hello' }] };

describe('the Ollama provider', () => {
  let server: FakeModelServer;
  beforeEach(async () => {
    server = await startFakeOllama();
  });
  afterEach(() => server.stop());
  const create = (extra: object = {}) =>
    createOllamaProvider({ baseUrl: server.url, fetch: globalThis.fetch, clock: systemClock, ...extra });

  it('sends settings, schema and tools the way Ollama takes them', async () => {
    const tool = {
      name: 'clock',
      description: 'Tells the time.',
      parameters: { type: 'object', properties: {} },
    };
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    await create({ numCtx: 16_384, keepAlive: '10m', think: false }).complete(
      {
        ...request,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'Look' },
              { type: 'image', url: 'data:image/png;base64,AAAA' },
            ],
          },
          {
            role: 'assistant',
            content: '',
            toolCalls: [{ id: 'call_1', name: 'clock', arguments: { zone: 'UTC' } }],
          },
          { role: 'tool', toolCallId: 'call_1', name: 'clock', content: '12:00' },
        ],
        tools: [tool],
        settings: { temperature: 0.2, maxTokens: 50, seed: 7, stop: ['END'], topP: 0.9 },
        responseFormat: { type: 'json', schema },
      },
      { signal },
    );
    expect(server.chatRequests[0]?.body).toEqual({
      model: 'llama3.2',
      stream: true,
      messages: [
        { role: 'user', content: 'Look', images: ['AAAA'] },
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ function: { name: 'clock', arguments: { zone: 'UTC' } } }],
        },
        { role: 'tool', tool_name: 'clock', content: '12:00' },
      ],
      options: { temperature: 0.2, num_predict: 50, seed: 7, stop: ['END'], top_p: 0.9, num_ctx: 16_384 },
      tools: [{ type: 'function', function: tool }],
      format: schema,
      keep_alive: '10m',
      think: false,
    });
  });

  it('makes the context as large as the conversation needs, so that nothing is cut in silence', async () => {
    const provider = create();
    await provider.complete(request, { signal });
    await provider.complete(
      { ...request, messages: [{ role: 'user', content: 'many words here '.repeat(4000) }] },
      { signal },
    );
    const sizes = server.chatRequests.map(({ body }) => (body['options'] as { num_ctx?: number }).num_ctx);
    expect(sizes[0]).toBeUndefined();
    expect(sizes[1]).toBeGreaterThanOrEqual(16_384);
    expect(Math.log2(sizes[1] ?? 0) % 1).toBe(0);
  });

  it('says how to get a model that is missing', async () => {
    server.fail({ kind: 'status', status: 404, message: 'model "llama3.2" not found, try pulling it first' });
    await expect(create().complete(request, { signal })).rejects.toMatchObject({
      code: 'model_rejected',
      message: /ollama pull llama3\.2/,
    });
  });

  it('refuses images that Ollama cannot fetch', async () => {
    const messages = [
      { role: 'user' as const, content: [{ type: 'image' as const, url: 'https://example.com/a.png' }] },
    ];
    await expect(create().complete({ ...request, messages }, { signal })).rejects.toMatchObject({
      code: 'model_rejected',
    });
    expect(server.chatRequests).toHaveLength(0);
  });

  it('never repeats ids of calls over the turns of a conversation', async () => {
    const turn = { toolCalls: [{ name: 'clock' }] };
    server.reply(turn, turn);
    const provider = create();
    const first = await provider.complete(request, { signal });
    const id = first.toolCalls[0]?.id ?? '';
    const second = await provider.complete(
      {
        ...request,
        messages: [
          ...request.messages,
          { role: 'assistant', content: '', toolCalls: first.toolCalls },
          { role: 'tool', toolCallId: id, name: 'clock', content: '12:00' },
        ],
      },
      { signal },
    );
    expect(second.toolCalls[0]?.id).not.toBe(id);
  });
});

/** A body that arrives in the given pieces. */
function bodyOf(pieces: readonly Uint8Array[]): Response {
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(piece);
        controller.close();
      },
    }),
  );
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [
    0,
    ...at.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b),
    bytes.length,
  ];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

async function eventsOf(pieces: readonly Uint8Array[]): Promise<ModelEvent[]> {
  const provider = createOllamaProvider({
    baseUrl: 'http://ollama.test:11434',
    fetch: () => Promise.resolve(bodyOf(pieces)),
    clock: systemClock,
  });
  const events: ModelEvent[] = [];
  for await (const event of provider.stream(request, { signal })) events.push(event);
  return events;
}

describe('reading what Ollama streams', () => {
  it('does not care where the network cuts it', async () => {
    const texts = fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(texts, fc.array(fc.nat(), { maxLength: 20 }), async (chunks, at) => {
        const lines = chunks.map((content) => JSON.stringify({ message: { content }, done: false }));
        const all = [...lines, JSON.stringify({ done: true, done_reason: 'stop', eval_count: 3 })].join('\n');
        const events = await eventsOf(cut(new TextEncoder().encode(all), at));
        expect(events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')).toBe(
          chunks.join(''),
        );
        expect(events.at(-1)).toMatchObject({ type: 'finish', usage: { outputTokens: 3 } });
      }),
    );
  });

  it('ends any rubbish with exactly one error or finish, in last place', async () => {
    const rubbish = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((json) => new TextEncoder().encode(`${json}\n`)),
      fc
        .constantFrom(
          '{"message":{"tool_calls":[{}]}}\n',
          '{"error":"boom"}\n',
          '{"done":true}\n',
          '{"message":{"tool_calls":7,"content":1}}\n',
        )
        .map((line) => new TextEncoder().encode(line)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(rubbish, { maxLength: 6 }), async (pieces) => {
        const events = await eventsOf(pieces);
        const ends = events.filter((event) => event.type === 'error' || event.type === 'finish');
        expect(ends).toHaveLength(1);
        expect(events.at(-1)).toBe(ends[0]);
      }),
    );
  });
});
