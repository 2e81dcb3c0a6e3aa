import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, systemClock } from '../../../base/index.ts';
import type { GatewayAnswer, ModelEvent } from '../../../capabilities/models/index.ts';
import { bytesAnswer, fakeRoute } from '../../../testing/fake-gateway.ts';
import { createHttpGround, sseEvents } from '../../../testing/http-ground.ts';
import { createHttpServer, type HttpServer } from '../index.ts';

const usage = { inputTokens: 9, outputTokens: 3, costUsd: null, cachedInputTokens: 2, cacheWriteTokens: 1 };
const finish = { type: 'finish', finishReason: 'stop', usage, model: 'fast' } as const;
const text = (...pieces: string[]): ModelEvent[] => [
  ...pieces.map((piece): ModelEvent => ({ type: 'text-delta', text: piece })),
  finish,
];
const callOf = (id: string, name: string, args: Record<string, string>): ModelEvent[] => [
  { type: 'tool-call', call: { id, name, arguments: args } },
  { ...finish, finishReason: 'tool-calls' },
];
const add = {
  name: 'add',
  description: 'adds',
  input_schema: { type: 'object' as const, properties: { a: { type: 'string' } } },
};
const said = [{ role: 'user' as const, content: 'hi' }];

/** Settings that clients sent before the version 2026-10-21. */
const sampling = { temperature: 0.3, top_p: 0.8, top_k: 5 };

let ground: ReturnType<typeof createHttpGround>;
let server: HttpServer;
let client: Anthropic;
beforeEach(async () => {
  ground = createHttpGround({ clock: systemClock });
  server = createHttpServer(ground.deps);
  await server.start();
  client = new Anthropic({ baseURL: server.url, apiKey: 'key-admin', maxRetries: 0 });
});
afterEach(() => server.stop());

/** The next calls are answered with these parts. */
function play(...turns: readonly (readonly ModelEvent[])[]): void {
  ground.gateway.script.push(
    ...turns.map((turn) => (): GatewayAnswer => ({
      kind: 'events',
      route: fakeRoute,
      events: (async function* () {
        yield* turn;
      })(),
    })),
  );
}

async function failure(work: Promise<unknown>): Promise<APIError> {
  return work.then(
    () => {
      throw new Error('did not fail');
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(APIError);
      return error as APIError;
    },
  );
}

const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': 'key-admin', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

describe('events of the Messages API', () => {
  it('tell of thinking, text and calls in the order of Anthropic', async () => {
    ground.models.parts = [
      { type: 'reasoning-delta', text: 'hm' },
      { type: 'text-delta', text: 'one ' },
      { type: 'text-delta', text: 'two' },
      ...callOf('toolu_1', 'add', { a: '1' }),
    ];
    const answer = await post({ model: 'fake/fast', max_tokens: 9, messages: said, stream: true });
    expect(answer.headers.get('request-id')).toMatch(/^req_/);
    expect(answer.headers.get('x-a33-deployment')).toBe('dep-1');
    const events = sseEvents(await answer.text());
    const data = events.map((event) => JSON.parse(event.data) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual(data.map(({ type }) => type));
    expect(data).toEqual([
      {
        type: 'message_start',
        message: {
          id: expect.stringMatching(/^msg_/) as string,
          type: 'message',
          role: 'assistant',
          model: 'fake/fast',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          stop_details: null,
          container: null,
          diagnostics: null,
          usage: {
            input_tokens: 0,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: 0,
            output_tokens: 0,
            output_tokens_details: null,
            server_tool_use: null,
            cache_creation: null,
            inference_geo: null,
            service_tier: null,
            speed: null,
          },
        },
      },
      { type: 'ping' },
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'thinking', thinking: '', signature: '' },
      },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: '' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '', citations: null } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'one ' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'two' } },
      { type: 'content_block_stop', index: 1 },
      {
        type: 'content_block_start',
        index: 2,
        content_block: {
          type: 'tool_use',
          id: 'toolu_1',
          name: 'add',
          caller: { type: 'direct' },
          input: {},
        },
      },
      {
        type: 'content_block_delta',
        index: 2,
        delta: { type: 'input_json_delta', partial_json: '{"a":"1"}' },
      },
      { type: 'content_block_stop', index: 2 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'tool_use', stop_sequence: null, stop_details: null, container: null },
        usage: {
          input_tokens: 6,
          cache_creation_input_tokens: 1,
          cache_read_input_tokens: 2,
          output_tokens: 3,
          output_tokens_details: null,
          server_tool_use: null,
        },
      },
      { type: 'message_stop' },
    ]);
  });

  it('end with an error event where an answer breaks off', async () => {
    const error = new AppError('model_unavailable', 'it went away');
    ground.models.parts = [
      { type: 'text-delta', text: 'half' },
      { type: 'error', error },
    ];
    const answer = await post({ model: 'fake/fast', max_tokens: 9, messages: said, stream: true });
    const events = sseEvents(await answer.text());
    expect(events.at(-1)?.event).toBe('error');
    expect(JSON.parse(events.at(-1)?.data ?? '')).toEqual({
      type: 'error',
      error: { type: 'overloaded_error', message: 'it went away' },
      request_id: answer.headers.get('request-id'),
    });
    ground.models.parts = [{ type: 'error', error }];
    const early = await post({ model: 'fake/fast', max_tokens: 9, messages: said, stream: true });
    expect(early.status).toBe(503);
  });
});

describe('the Anthropic SDK', () => {
  it('gets a message of a model, with everything that a request can say', async () => {
    play(text('he', 'llo'));
    const message = await client.messages.create(
      {
        model: 'fake/fast',
        max_tokens: 50,
        system: [{ type: 'text', text: 'be kind', cache_control: { type: 'ephemeral', ttl: '1h' } }],
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
              { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
              {
                type: 'document',
                title: 'Notes',
                source: { type: 'text', media_type: 'text/plain', data: 'body' },
              },
              { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AA==' } },
              { type: 'text', text: 'add', cache_control: { type: 'ephemeral' } },
            ],
          },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: 'hm', signature: 'sig' },
              { type: 'redacted_thinking', data: 'sealed' },
              { type: 'text', text: 'calling' },
              { type: 'tool_use', id: 'toolu_1', name: 'add', input: { a: '1' } },
            ],
          },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'here' },
              {
                type: 'tool_result',
                tool_use_id: 'toolu_1',
                is_error: true,
                content: [
                  { type: 'text', text: 'broken' },
                  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'BB==' } },
                ],
              },
            ],
          },
        ],
        tools: [add],
        tool_choice: { type: 'any', disable_parallel_tool_use: true },
        stop_sequences: ['END'],
        ...sampling,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        metadata: { user_id: 'u1' },
      },
      { headers: { 'anthropic-beta': 'unknown-2026-01-01' } },
    );
    expect(message).toMatchObject({
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 6, output_tokens: 3, cache_read_input_tokens: 2 },
    });
    expect(message._request_id).toMatch(/^req_/);
    const [call] = ground.gateway.calls;
    expect(call?.wire).toMatchObject({
      shape: 'anthropic-messages',
      headers: { 'anthropic-version': '2026-10-21', 'anthropic-beta': 'unknown-2026-01-01' },
    });
    expect(call?.caller).toMatchObject({ user: 'u1', scope: { principal: 'key:admin' } });
    expect(call?.request()).toEqual({
      messages: [
        { role: 'system', content: 'be kind', cacheControl: { type: 'ephemeral', ttl: '1h' } },
        {
          role: 'user',
          content: [
            { type: 'image', url: 'data:image/png;base64,AA==' },
            { type: 'image', url: 'https://example.org/a.png' },
            { type: 'text', text: 'Notes\nbody' },
            { type: 'file', url: 'data:application/pdf;base64,AA==', mimeType: 'application/pdf' },
            { type: 'text', text: 'add', cacheControl: { type: 'ephemeral' } },
          ],
        },
        {
          role: 'assistant',
          content: 'calling',
          reasoning: 'hm',
          reasoningParts: [
            { text: 'hm', providerData: { anthropic: { signature: 'sig' } } },
            { text: '', providerData: { anthropic: { redactedData: 'sealed' } } },
          ],
          toolCalls: [{ id: 'toolu_1', name: 'add', arguments: { a: '1' } }],
        },
        {
          role: 'tool',
          toolCallId: 'toolu_1',
          name: 'add',
          content: 'broken',
          isError: true,
          parts: [{ type: 'image', url: 'data:image/png;base64,BB==' }],
        },
        { role: 'user', content: 'here' },
      ],
      settings: { maxTokens: 50, temperature: 0.3, topP: 0.8, stop: ['END'] },
      tools: [{ name: 'add', description: 'adds', parameters: add.input_schema }],
      toolChoice: 'required',
      extra: {
        top_k: 5,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        reasoning_effort: 'low',
        parallel_tool_calls: false,
      },
    });
  });

  it('streams, and its helper puts the message together', async () => {
    play(
      [{ type: 'reasoning-delta', text: 'hm' }, ...text('he', 'llo')],
      callOf('toolu_1', 'add', { a: '1' }),
    );
    const body = { model: 'fake/fast', max_tokens: 9, messages: said };
    const stream = client.messages.stream(body);
    const deltas: string[] = [];
    stream.on('text', (delta) => void deltas.push(delta));
    const final = await stream.finalMessage();
    expect(deltas).toEqual(['he', 'llo']);
    expect(final.content).toMatchObject([
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'hello' },
    ]);
    expect(final.usage).toMatchObject({ input_tokens: 6, output_tokens: 3 });
    const calling = await client.messages.stream({ ...body, tools: [add] }).finalMessage();
    expect(calling).toMatchObject({
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', id: 'toolu_1', name: 'add', input: { a: '1' } }],
    });
  });

  it('runs its own tools in a loop, and sends whole conversations once it is told that none are held here', async () => {
    ground.gateway.script.push((call) => {
      call.request();
      throw new Error('not reached');
    });
    play(callOf('toolu_1', 'add', { a: '1' }), text('it is 2'));
    const final = await client.beta.messages.toolRunner({
      model: 'fake/fast',
      max_tokens: 9,
      messages: said,
      tools: [
        {
          ...add,
          type: 'custom',
          parse: (input: unknown) => input as { a: string },
          run: ({ a }: { a: string }) => `${a} doubled is 2`,
        },
      ],
    });
    expect(final.content).toMatchObject([{ type: 'text', text: 'it is 2' }]);
    expect(ground.gateway.calls[2]?.request().messages.at(-1)).toMatchObject({
      role: 'tool',
      name: 'add',
      content: '1 doubled is 2',
    });
  });

  it('lists models', async () => {
    const ids: string[] = [];
    for await (const { id, type } of client.models.list()) {
      expect(type).toBe('model');
      ids.push(id);
    }
    expect(ids).toEqual(expect.arrayContaining(['helper', 'fake/fast']));
    expect(await client.models.retrieve('helper')).toMatchObject({ id: 'helper', display_name: 'helper' });
    expect(await failure(client.models.retrieve('nobody'))).toMatchObject({ status: 404 });
  });

  it('counts tokens', async () => {
    const count = (content: string) =>
      client.messages.countTokens({
        model: 'fake/fast',
        messages: [{ role: 'user', content }],
        tools: [add],
      });
    const short = (await count('hi')).input_tokens;
    const long = (await count('the quick brown fox '.repeat(100))).input_tokens;
    expect(short).toBeGreaterThan(5);
    expect(long - short).toBeGreaterThan(400);
    expect(long - short).toBeLessThan(600);
  });

  it('sees errors as Anthropic has them', async () => {
    const body = { model: 'fake/fast', max_tokens: 9, messages: said };
    const wrong = new Anthropic({ baseURL: server.url, apiKey: 'nothing', maxRetries: 0 });
    expect(await failure(wrong.messages.create(body))).toMatchObject({
      status: 401,
      type: 'authentication_error',
      requestID: expect.stringMatching(/^req_/) as string,
    });
    const bearer = new Anthropic({
      baseURL: server.url,
      apiKey: null,
      authToken: 'key-admin',
      maxRetries: 0,
    });
    play(text('yes'));
    expect((await bearer.messages.create(body)).content).toMatchObject([{ text: 'yes' }]);
    const poor = new Anthropic({ baseURL: server.url, apiKey: 'key-agents:invoke', maxRetries: 0 });
    expect(await failure(poor.messages.create(body))).toMatchObject({
      status: 403,
      type: 'permission_error',
    });
    expect(await failure(client.messages.create({ ...body, model: 'nobody' }))).toMatchObject({
      status: 404,
      type: 'not_found_error',
    });
    expect(await failure(client.messages.create({ ...body, messages: [] }))).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
    });
    ground.gateway.script.push(() => {
      throw new AppError('rate_limited', 'slow down', { details: { retryAfterMs: 7000 } });
    });
    const limited = await failure(client.messages.create(body));
    expect(limited).toMatchObject({ status: 429, type: 'rate_limit_error' });
    expect(limited.headers?.get('retry-after')).toBe('7');
    play([
      { type: 'text-delta', text: 'half' },
      { type: 'error', error: new AppError('timeout', 'too slow') },
    ]);
    await expect(client.messages.stream(body).finalMessage()).rejects.toThrow('too slow');
  });

  it('ends the call when it leaves', async () => {
    const left = Promise.withResolvers<void>();
    ground.gateway.script.push((call) => ({
      kind: 'events',
      route: fakeRoute,
      events: (async function* (): AsyncGenerator<ModelEvent> {
        yield { type: 'text-delta', text: 'begin' };
        await new Promise<void>((resolve) => {
          call.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        left.resolve();
      })(),
    }));
    const stream = await client.messages.create({
      model: 'fake/fast',
      max_tokens: 9,
      messages: said,
      stream: true,
    });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    await left.promise;
  });

  it('talks to an agent, which hands calls of the client’s tools back', async () => {
    ground.runs.script = ({ request }) => {
      const { messages = [] } = request.input as { messages?: { role: string }[] };
      return Promise.resolve(
        messages.at(-1)?.role === 'tool'
          ? 'done'
          : {
              text: '',
              finishReason: 'tool-calls',
              toolCalls: [{ id: 'c1', name: 'add', arguments: { a: '1' } }],
            },
      );
    };
    const body = { model: 'helper', max_tokens: 9, tools: [add] };
    const first = await client.messages.create({ ...body, messages: said });
    expect(first).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', id: 'c1' }] });
    const second = client.messages.stream({
      ...body,
      messages: [
        ...said,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: '2' }] },
      ],
    });
    expect((await second.finalMessage()).content).toMatchObject([{ type: 'text', text: 'done' }]);
    expect(ground.runs.requests[0]).toMatchObject({
      source: 'anthropic',
      target: { kind: 'agent', name: 'helper' },
      input: { message: 'hi', clientTools: [{ type: 'function', function: { name: 'add' } }] },
    });
  });
});

describe('an upstream of Anthropic', () => {
  it('gets the bytes, and its own are passed on', async () => {
    const raw =
      'event: message_start\ndata: {"type":"message_start"}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n';
    ground.gateway.script.push(() =>
      bytesAnswer(raw.match(/.{1,5}/gsu) ?? [], { contentType: 'text/event-stream' }),
    );
    const body = {
      model: 'fake/fast',
      max_tokens: 9,
      stream: true,
      messages: said,
      tools: [{ type: 'web_search_20250305', name: 'web_search' }],
      context_management: { edits: [] },
    };
    const answer = await post(body);
    expect(await answer.text()).toBe(raw);
    const [call] = ground.gateway.calls;
    expect(Buffer.from(call?.wire?.body ?? []).toString()).toBe(JSON.stringify(body));
    expect(() => call?.request()).toThrow('tools.0.type');
  });

  it('is spared what other models thought', async () => {
    play(text('ok'));
    const messages = [
      ...said,
      {
        role: 'assistant' as const,
        content: [
          { type: 'thinking' as const, thinking: 'not signed', signature: '' },
          { type: 'thinking' as const, thinking: 'signed', signature: 'sig' },
          { type: 'text' as const, text: 'yes' },
        ],
      },
      ...said,
    ];
    await client.messages.create({ model: 'fake/fast', max_tokens: 9, messages });
    const wire = JSON.stringify(ground.gateway.calls[0]?.wire?.json);
    expect(wire).toContain('"signed"');
    expect(wire).not.toContain('not signed');
    expect(Buffer.from(ground.gateway.calls[0]?.wire?.body ?? []).toString()).toBe(wire);
  });
});

describe('the AI SDK with its provider of Anthropic', () => {
  const provider = () => createAnthropic({ baseURL: `${server.url}/v1`, apiKey: 'key-admin' });

  it('generates with tools, and streams', async () => {
    play(callOf('toolu_1', 'add', { a: '1' }), text('it is 2'), [
      { type: 'reasoning-delta', text: 'hm' },
      ...text('a', 'b'),
    ]);
    const result = await generateText({
      model: provider()('fake/fast'),
      system: 'be brief',
      prompt: 'add',
      tools: {
        add: tool({
          inputSchema: jsonSchema<{ a: string }>({ type: 'object', properties: { a: { type: 'string' } } }),
          execute: ({ a }) => `${a} doubled is 2`,
        }),
      },
      stopWhen: stepCountIs(3),
    });
    expect(result.text).toBe('it is 2');
    expect(result.totalUsage.inputTokens).toBe(18);
    const streamed = streamText({ model: provider()('fake/fast'), prompt: 'hi' });
    let all = '';
    for await (const piece of streamed.textStream) all += piece;
    expect(all).toBe('ab');
    expect(await streamed.reasoningText).toBe('hm');
    expect(await streamed.usage).toMatchObject({ inputTokens: 9, outputTokens: 3 });
  });
});
