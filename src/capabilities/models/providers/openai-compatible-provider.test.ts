import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import { startFakeOpenAI, type FakeModelServer } from '../../../testing/models.ts';
import { createOpenAICompatibleProvider } from './openai-compatible-provider.ts';
import type { ModelEvent, ModelRequest } from '../provider.ts';

const { signal } = new AbortController();
const request: ModelRequest = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] };

describe('the OpenAI-compatible provider', () => {
  let server: FakeModelServer;
  beforeEach(async () => {
    server = await startFakeOpenAI();
  });
  afterEach(() => server.stop());
  const create = (extra: object = {}) =>
    createOpenAICompatibleProvider({
      baseUrl: `${server.url}/v1`,
      apiKey: 'sk-very-secret',
      fetch: globalThis.fetch,
      clock: systemClock,
      ...extra,
    });
  /** Sends calls for any host to the fake and remembers where they were meant to go. */
  const redirected =
    (seen: string[]): typeof globalThis.fetch =>
    (input, init) => {
      const url = new URL(new Request(input).url);
      seen.push(url.href);
      return globalThis.fetch(`${server.url}/v1/chat/completions`, init);
    };

  it('sends settings, tools and a lenient schema', async () => {
    await create().complete(
      {
        ...request,
        settings: { temperature: 0, maxTokens: 9, seed: 1, stop: ['END'] },
        tools: [{ name: 'clock', description: 'Tells the time.', parameters: { type: 'object' } }],
        toolChoice: 'required',
        responseFormat: { type: 'json', schema: { type: 'object' }, name: 'answer' },
      },
      { signal },
    );
    const [sent] = server.chatRequests;
    expect(sent?.headers['authorization']).toBe('Bearer sk-very-secret');
    expect(sent?.body).toMatchObject({
      temperature: 0,
      max_tokens: 9,
      seed: 1,
      stop: ['END'],
      tool_choice: 'required',
      response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: false } },
    });
  });

  it('asks for the usage of streams', async () => {
    for await (const event of create().stream(request, { signal })) expect(event.type).not.toBe('error');
    expect(server.chatRequests[0]?.body).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('speaks to the reasoning models of OpenAI in their own terms', async () => {
    const seen: string[] = [];
    const provider = create({ baseUrl: undefined, fetch: redirected(seen) });
    await provider.complete(
      { ...request, model: 'o3-mini', settings: { maxTokens: 9, temperature: 0 } },
      { signal },
    );
    expect(seen).toEqual(['https://api.openai.com/v1/chat/completions']);
    expect(server.chatRequests[0]?.body).toMatchObject({ max_completion_tokens: 9 });
    expect(server.chatRequests[0]?.body).not.toHaveProperty('temperature');
  });

  it('gives Azure its header and its version', async () => {
    const seen: string[] = [];
    const baseUrl = 'https://acme.openai.azure.com/openai/deployments/chat?api-version=2024-10-21';
    await create({ baseUrl, fetch: redirected(seen) }).complete(request, { signal });
    expect(seen).toEqual([
      'https://acme.openai.azure.com/openai/deployments/chat/chat/completions?api-version=2024-10-21',
    ]);
    expect(server.chatRequests[0]?.headers['api-key']).toBe('sk-very-secret');
    expect(server.chatRequests[0]?.headers).not.toHaveProperty('authorization');
  });

  it('never shows the key, even when the server echoes it', async () => {
    server.fail(
      { kind: 'status', status: 401, message: 'bad key sk-very-secret' },
      { kind: 'status', status: 400, message: 'bad key sk-very-secret' },
    );
    for (const hint of [/Check OPENAI_API_KEY/, /\[redacted\]/]) {
      const error: unknown = await create()
        .complete(request, { signal })
        .catch((reason: unknown) => reason);
      expect(JSON.stringify(error)).not.toContain('sk-very-secret');
      expect(String(error)).toMatch(hint);
    }
  });

  it('does not try again when the money is spent', async () => {
    const fetch: typeof globalThis.fetch = () =>
      Promise.resolve(
        Response.json({ error: { message: 'quota', code: 'insufficient_quota' } }, { status: 429 }),
      );
    await expect(create({ fetch }).complete(request, { signal })).rejects.toMatchObject({
      code: 'rate_limited',
      retryable: false,
    });
  });
});

async function eventsOf(text: Uint8Array): Promise<ModelEvent[]> {
  const provider = createOpenAICompatibleProvider({
    baseUrl: 'http://openai.test/v1',
    clock: systemClock,
    fetch: () =>
      Promise.resolve(new Response(Buffer.from(text), { headers: { 'content-type': 'text/event-stream' } })),
  });
  const events: ModelEvent[] = [];
  for await (const event of provider.stream(request, { signal })) events.push(event);
  return events;
}

describe('reading server-sent events', () => {
  it('ends any rubbish with exactly one error or finish, in last place', async () => {
    const chunk = (delta: unknown, finish: string | null = null): string =>
      `data: ${JSON.stringify({ id: '1', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    const piece = fc.oneof(
      fc.string(),
      fc.json().map((json) => `data: ${json}\n\n`),
      fc.constantFrom(
        chunk({ content: 'a' }),
        chunk({}, 'stop'),
        chunk({ tool_calls: [{ index: 0, function: { arguments: '{' } }] }),
        chunk({
          tool_calls: [{ index: 0, id: 'x', type: 'function', function: { name: 'f', arguments: '{' } }],
        }),
        'data: [DONE]\n\n',
        ': comment\n\n',
        'event: ping\n\n',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const events = await eventsOf(new TextEncoder().encode(pieces.join('')));
        const ends = events.filter((event) => event.type === 'error' || event.type === 'finish');
        expect(ends).toHaveLength(1);
        expect(events.at(-1)).toBe(ends[0]);
      }),
      { numRuns: 60 },
    );
  });
});
