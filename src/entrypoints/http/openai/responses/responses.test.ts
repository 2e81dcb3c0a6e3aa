import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import OpenAI, { APIError } from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, systemClock } from '../../../../base/index.ts';
import type { ModelEvent } from '../../../../capabilities/models/index.ts';
import { bytesAnswer } from '../../../../testing/fake-gateway.ts';
import { createHttpGround, sseEvents } from '../../../../testing/http-ground.ts';
import { createHttpServer, type HttpServer } from '../../index.ts';

const usage = { inputTokens: 7, outputTokens: 3, costUsd: null, cachedInputTokens: 2, reasoningTokens: 1 };
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
  type: 'function' as const,
  name: 'add',
  description: 'adds',
  strict: false,
  parameters: { type: 'object', properties: { a: { type: 'string' } } },
};

let ground: ReturnType<typeof createHttpGround>;
let server: HttpServer;
let client: OpenAI;
beforeEach(async () => {
  ground = createHttpGround({ clock: systemClock });
  server = createHttpServer(ground.deps);
  await server.start();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'key-admin', maxRetries: 0 });
});
afterEach(() => server.stop());

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
  fetch(`${server.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: 'Bearer key-admin', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

/** Names of the events of a stream, with the numbers that they bear. */
async function eventsOf(response: Response) {
  const events = sseEvents(await response.text());
  const data = events.map((event) => JSON.parse(event.data) as Record<string, unknown>);
  expect(data.map(({ sequence_number: number }) => number)).toEqual(data.map((_, index) => index));
  expect(events.map(({ event }) => event)).toEqual(data.map(({ type }) => type));
  return { names: events.map(({ event }) => event?.replace('response.', '')), data };
}

describe('events of the Responses API', () => {
  it('tell of thinking, text and calls in the order of OpenAI', async () => {
    ground.models.parts = [
      { type: 'reasoning-delta', text: 'let me ' },
      { type: 'reasoning-delta', text: 'see' },
      { type: 'text-delta', text: 'one ' },
      { type: 'text-delta', text: 'two' },
      ...callOf('call_1', 'add', { a: '1' }),
    ];
    const answer = await post({ model: 'fake/fast', input: 'hi', stream: true, tools: [add] });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    expect(answer.headers.get('x-a33-deployment')).toBe('dep-1');
    const { names, data } = await eventsOf(answer);
    expect(names).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ]);
    const { response } = data.at(-1) as { response: { id: string; output: unknown[] } };
    const suffix = response.id.replace('resp_', '');
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      model: 'fake/fast',
      error: null,
      usage: {
        input_tokens: 7,
        input_tokens_details: { cached_tokens: 2 },
        output_tokens: 3,
        output_tokens_details: { reasoning_tokens: 1 },
        total_tokens: 10,
      },
    });
    expect(response.output).toEqual([
      { id: `rs_${suffix}_0`, type: 'reasoning', summary: [{ type: 'summary_text', text: 'let me see' }] },
      {
        id: `msg_${suffix}_1`,
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'one two', annotations: [], logprobs: [] }],
      },
      {
        id: `fc_${suffix}_2`,
        type: 'function_call',
        call_id: 'call_1',
        name: 'add',
        status: 'completed',
        arguments: '{"a":"1"}',
      },
    ]);
    expect(data[0]).toMatchObject({ response: { status: 'in_progress', output: [], usage: null } });
  });

  it.each([
    ['length', 'max_output_tokens'],
    ['content-filter', 'content_filter'],
  ] as const)('say why an answer is not complete: %s', async (finishReason, reason) => {
    ground.models.parts = [
      { type: 'text-delta', text: 'half' },
      { ...finish, finishReason },
    ];
    const { names, data } = await eventsOf(await post({ model: 'fake/fast', input: 'hi', stream: true }));
    expect(names.at(-1)).toBe('incomplete');
    expect(data.at(-1)).toMatchObject({
      response: {
        status: 'incomplete',
        incomplete_details: { reason },
        output: [{ status: 'incomplete', content: [{ text: 'half' }] }],
      },
    });
  });

  it('end with the error where an answer breaks off, and have its status before that', async () => {
    const error = new AppError('model_unavailable', 'it went away');
    ground.models.parts = [
      { type: 'text-delta', text: 'half' },
      { type: 'error', error },
    ];
    const { names, data } = await eventsOf(await post({ model: 'fake/fast', input: 'hi', stream: true }));
    expect(names.slice(-6)).toEqual([
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'error',
      'failed',
    ]);
    expect(data.at(-2)).toMatchObject({
      type: 'error',
      code: 'server_error',
      message: 'it went away',
      param: null,
    });
    expect(data.at(-1)).toMatchObject({
      response: { status: 'failed', error: { code: 'server_error', message: 'it went away' } },
    });
    ground.models.parts = [{ type: 'error', error }];
    const early = await post({ model: 'fake/fast', input: 'hi', stream: true });
    expect(early.status).toBe(503);
    expect(await early.json()).toMatchObject({ error: { message: 'it went away', type: 'server_error' } });
  });
});

describe('the openai client', () => {
  it('gets a response of a model', async () => {
    ground.models.parts = text('he', 'llo');
    const response = await client.responses.create({
      model: 'fake/fast',
      instructions: 'be kind',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'what is this?' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'low' },
            { type: 'input_file', file_data: 'data:application/pdf;base64,AA==', filename: 'a.pdf' },
          ],
        },
      ],
      max_output_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      reasoning: { effort: 'low' },
      text: { verbosity: 'low' },
      metadata: { a: 'b' },
    });
    expect(response.output_text).toBe('hello');
    expect(response).toMatchObject({ status: 'completed', metadata: { a: 'b' }, instructions: 'be kind' });
    expect(ground.gateway.calls[0]?.request()).toEqual({
      messages: [
        { role: 'system', content: 'be kind' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what is this?' },
            { type: 'image', url: 'data:image/png;base64,AA==', detail: 'low' },
            {
              type: 'file',
              url: 'data:application/pdf;base64,AA==',
              mimeType: 'application/pdf',
              name: 'a.pdf',
            },
          ],
        },
      ],
      settings: { maxTokens: 50, temperature: 0.2, topP: 0.9 },
      extra: { reasoning_effort: 'low', verbosity: 'low' },
    });
  });

  it('streams, and its helper puts the response together', async () => {
    ground.models.parts = text('he', 'llo');
    const stream = client.responses.stream({ model: 'fake/fast', input: 'hi' });
    const deltas: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => void deltas.push(delta));
    const final = await stream.finalResponse();
    expect(deltas).toEqual(['he', 'llo']);
    expect(final.output_text).toBe('hello');
  });

  it('parses JSON of a schema', async () => {
    ground.models.parts = text('{"n":', '4}');
    const schema = { type: 'object', properties: { n: { type: 'number' } } };
    const parsed = await client.responses.parse({
      model: 'fake/fast',
      input: 'a number',
      text: { format: { type: 'json_schema', name: 'answer', schema, strict: true } },
    });
    expect(parsed.output_parsed).toEqual({ n: 4 });
    expect(ground.gateway.calls[0]?.request().responseFormat).toEqual({
      type: 'json',
      schema,
      name: 'answer',
      strict: true,
    });
  });

  it('calls functions and continues with their output', async () => {
    ground.models.parts = callOf('call_9', 'add', { a: '2' });
    const first = await client.responses.create({ model: 'fake/fast', input: 'add', tools: [add] });
    expect(first.output).toMatchObject([
      { type: 'function_call', call_id: 'call_9', arguments: '{"a":"2"}' },
    ]);
    ground.models.parts = text('it is 4');
    const second = await client.responses.create({
      model: 'fake/fast',
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: 'call_9', output: '4' }],
      tools: [add],
      tool_choice: 'none',
    });
    expect(second.output_text).toBe('it is 4');
    expect(ground.gateway.calls[1]?.request()).toMatchObject({
      messages: [
        { role: 'user', content: 'add' },
        { role: 'assistant', content: '', toolCalls: [{ id: 'call_9', name: 'add', arguments: { a: '2' } }] },
        { role: 'tool', toolCallId: 'call_9', name: 'add', content: '4' },
      ],
      tools: [{ name: 'add' }],
      toolChoice: 'none',
    });
    ground.models.parts = text('yes');
    await client.responses.create({ model: 'fake/fast', previous_response_id: second.id, input: 'sure?' });
    expect(ground.gateway.calls[2]?.request().messages.slice(-2)).toEqual([
      { role: 'assistant', content: 'it is 4' },
      { role: 'user', content: 'sure?' },
    ]);
  });

  it('fetches, lists and deletes what is stored, and nothing else', async () => {
    ground.models.parts = text('hello');
    const kept = await client.responses.create({ model: 'fake/fast', input: 'hi' });
    expect((await client.responses.retrieve(kept.id)).output_text).toBe('hello');
    expect((await client.responses.inputItems.list(kept.id)).data).toMatchObject([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
    ]);
    await client.responses.delete(kept.id);
    expect(await failure(client.responses.retrieve(kept.id))).toMatchObject({ status: 404 });
    expect(
      await failure(
        client.responses.create({ model: 'fake/fast', input: 'hi', previous_response_id: kept.id }),
      ),
    ).toMatchObject({ status: 400, code: 'previous_response_not_found', param: 'previous_response_id' });
    const unkept = await client.responses.create({ model: 'fake/fast', input: 'hi', store: false });
    expect(await failure(client.responses.retrieve(unkept.id))).toMatchObject({ status: 404 });
  });

  it('can fetch a streamed response as soon as it is told that it is complete, and no broken one', async () => {
    ground.models.parts = text('hello');
    const { responses } = ground.deps;
    const begun = Promise.withResolvers<void>();
    const stored = Promise.withResolvers<void>();
    const put = responses.put.bind(responses);
    responses.put = async (scope, response) => {
      begun.resolve();
      await stored.promise;
      await put(scope, response);
    };
    const stream = await client.responses.create({ model: 'fake/fast', input: 'hi', stream: true });
    let complete: string | undefined;
    const read = (async () => {
      for await (const event of stream) if (event.type === 'response.completed') complete = event.response.id;
    })();
    await begun.promise;
    expect(complete).toBeUndefined();
    stored.resolve();
    await read;
    expect((await client.responses.retrieve(complete ?? '')).output_text).toBe('hello');

    ground.models.parts = [
      { type: 'text-delta', text: 'half' },
      { type: 'error', error: new AppError('rate_limited', 'slow down') },
    ];
    const { data } = await eventsOf(await post({ model: 'fake/fast', input: 'hi', stream: true }));
    const { id } = (data[0] as { response: { id: string } }).response;
    expect(await failure(client.responses.retrieve(id))).toMatchObject({ status: 404 });
  });

  it('sees the error of a stream', async () => {
    ground.models.parts = [
      { type: 'text-delta', text: 'half' },
      { type: 'error', error: new AppError('rate_limited', 'slow down') },
    ];
    const stream = await client.responses.create({ model: 'fake/fast', input: 'hi', stream: true });
    const read = async (): Promise<void> => {
      for await (const event of stream) expect(event.type).toBeDefined();
    };
    await expect(read()).rejects.toMatchObject({ code: 'rate_limit_exceeded', message: 'slow down' });
  });

  it('ends the call of a model when it leaves', async () => {
    const left = Promise.withResolvers<void>();
    ground.gateway.script.push((call) => ({
      ...bytesAnswer([]),
      kind: 'events',
      events: (async function* (): AsyncGenerator<ModelEvent> {
        yield { type: 'text-delta', text: 'begin' };
        await new Promise<void>((resolve) => {
          call.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        left.resolve();
      })(),
    }));
    const stream = await client.responses.create({ model: 'fake/fast', input: 'hi', stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    await left.promise;
  });
});

describe('agents over the Responses API', () => {
  it('keep the conversation in a session, and answer an older response from what is stored', async () => {
    const first = await client.responses.create({ model: 'helper', input: 'one' });
    expect(first.output_text).toBe('you said one');
    const second = await client.responses.create({
      model: 'helper',
      input: 'two',
      previous_response_id: first.id,
    });
    const [one, two] = ground.runs.requests;
    expect(one?.sessionKey).toMatch(/^ses_/);
    expect(two).toMatchObject({ sessionKey: one?.sessionKey, input: { message: 'two' } });
    expect(two?.input).not.toHaveProperty('messages');
    // A branch: the session knows more than the first response.
    await client.responses.create({ model: 'helper', input: 'other', previous_response_id: first.id });
    expect(ground.runs.requests[2]).toMatchObject({
      sessionKey: null,
      input: {
        message: 'other',
        messages: [
          { role: 'user', content: 'one' },
          { role: 'assistant', content: 'you said one' },
          { role: 'user', content: 'other' },
        ],
      },
    });
    expect(second.previous_response_id).toBe(first.id);
  });

  it('hand calls of the caller’s functions back and go on with what they gave', async () => {
    ground.runs.script = () =>
      Promise.resolve({
        finishReason: 'tool-calls',
        toolCalls: [{ id: 'call_1', name: 'add', arguments: {} }],
      });
    const first = await client.responses.create({ model: 'helper', input: 'add', tools: [add] });
    expect(first.output).toMatchObject([{ type: 'function_call', call_id: 'call_1' }]);
    ground.runs.script = () => Promise.resolve('done');
    await client.responses.create({
      model: 'helper',
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: 'call_1', output: '4' }],
      tools: [add],
    });
    expect(ground.runs.requests[1]).toMatchObject({
      input: { messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'tool', content: '4' }] },
    });
  });

  it('end when their caller leaves', async () => {
    const cancelled = Promise.withResolvers<void>();
    ground.runs.script = async (run) => {
      run.emit({ type: 'text-delta', step: 'model:1', text: 'begin' });
      await new Promise<void>((resolve) => {
        run.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      cancelled.resolve();
      return '';
    };
    const stream = await client.responses.create({ model: 'helper', input: 'hi', stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    await cancelled.promise;
    expect(ground.runs.cancelled).toEqual(['run_1']);
  });
});

describe('an upstream of the same shape', () => {
  it('gets the bytes and its answer is passed on and kept', async () => {
    const upstream = {
      id: 'resp_upstream1',
      object: 'response',
      status: 'completed',
      output: [
        { id: 'rs_x', type: 'reasoning', summary: [], encrypted_content: 'sealed' },
        {
          id: 'msg_x',
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'hey', annotations: [] }],
        },
      ],
    };
    const raw = `event: response.created\ndata: {}\n\nevent: response.completed\ndata: ${JSON.stringify({ type: 'response.completed', response: upstream })}\n\n`;
    const pieces = raw.match(/.{1,7}/gsu) ?? [];
    ground.gateway.script.push(
      () => bytesAnswer(pieces, { contentType: 'text/event-stream' }),
      () => bytesAnswer([JSON.stringify(upstream)]),
    );
    const body = { model: 'fake/fast', input: 'hi', stream: true, tools: [{ type: 'web_search' }] };
    const answer = await post(body);
    expect(await answer.text()).toBe(raw);
    const [call] = ground.gateway.calls;
    expect(call?.wire).toMatchObject({ shape: 'openai-responses', json: body });
    expect(Buffer.from(call?.wire?.body ?? []).toString()).toBe(JSON.stringify(body));
    expect(() => call?.request()).toThrow('tools.0.type: "web_search" is not offered');

    await client.responses.create({
      model: 'fake/fast',
      input: 'more',
      previous_response_id: 'resp_upstream1',
    });
    expect(ground.gateway.calls[1]?.wire?.json).toEqual({
      model: 'fake/fast',
      input: [
        { type: 'message', role: 'user', content: 'hi' },
        { type: 'reasoning', summary: [], encrypted_content: 'sealed' },
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'hey', annotations: [] }],
        },
        { type: 'message', role: 'user', content: 'more' },
      ],
    });
  });
});

describe('the AI SDK with its provider of OpenAI', () => {
  const provider = () => createOpenAI({ baseURL: `${server.url}/v1`, apiKey: 'key-admin' });

  it('generates, with tools over several rounds', async () => {
    const rounds = [callOf('call_7', 'add', { a: '3' }), text('it is 6')];
    ground.gateway.script.push(
      ...rounds.map((events) => () => ({
        ...bytesAnswer([]),
        kind: 'events' as const,
        events: (async function* () {
          yield* events;
        })(),
      })),
    );
    const result = await generateText({
      model: provider()('fake/fast'),
      system: 'be brief',
      prompt: 'add',
      tools: {
        add: tool({
          inputSchema: jsonSchema<{ a: string }>({ type: 'object', properties: { a: { type: 'string' } } }),
          execute: ({ a }) => `${a} doubled is 6`,
        }),
      },
      stopWhen: stepCountIs(3),
    });
    expect(result.text).toBe('it is 6');
    expect(result.totalUsage).toMatchObject({ inputTokens: 14, outputTokens: 6 });
    expect(ground.gateway.calls[1]?.request().messages).toMatchObject([
      { role: 'system', content: 'be brief' },
      { role: 'user' },
      { role: 'assistant', toolCalls: [{ id: 'call_7', name: 'add', arguments: { a: '3' } }] },
      { role: 'tool', toolCallId: 'call_7' },
    ]);
  });

  it('sends references to what was stored, which are resolved', async () => {
    ground.models.parts = [{ type: 'reasoning-delta', text: 'hm' }, ...text('four')];
    const first = await generateText({ model: provider()('fake/fast'), prompt: 'two and two?' });
    expect(first.text).toBe('four');
    ground.models.parts = text('sure');
    await generateText({
      model: provider()('fake/fast'),
      messages: [
        { role: 'user', content: 'two and two?' },
        ...first.response.messages,
        { role: 'user', content: 'sure?' },
      ],
    });
    expect(JSON.stringify(ground.gateway.calls[1]?.request().messages)).toContain('"four"');
    expect(ground.gateway.calls[1]?.request().messages).toEqual([
      { role: 'user', content: 'two and two?' },
      { role: 'assistant', content: 'four', reasoning: 'hm' },
      { role: 'user', content: 'sure?' },
    ]);
  });

  it('streams text, thinking and the reason of its end; an error reaches it', async () => {
    ground.models.parts = [{ type: 'reasoning-delta', text: 'hm' }, ...text('a', 'b')];
    const result = streamText({ model: provider()('fake/fast'), prompt: 'hi' });
    let said = '';
    for await (const piece of result.textStream) said += piece;
    expect(said).toBe('ab');
    expect(await result.reasoningText).toBe('hm');
    expect(await result.finishReason).toBe('stop');
    ground.models.parts = [
      { type: 'text-delta', text: 'half' },
      { type: 'error', error: new AppError('model_unavailable', 'it went away') },
    ];
    const errors: unknown[] = [];
    const broken = streamText({
      model: provider()('fake/fast'),
      prompt: 'hi',
      onError: ({ error }) => void errors.push(error),
    });
    for await (const _ of broken.textStream);
    expect(errors).toHaveLength(1);
    expect((errors[0] as Error).message).toContain('it went away');
  });
});

it('counts the tokens of a request without asking anybody, what it continues included', async () => {
  ground.models.parts = text('a rather long answer about nothing in particular, said once more');
  const first = await client.responses.create({ model: 'fake/fast', input: 'hi' });
  const asked = ground.gateway.calls.length;
  const count = async (more: object): Promise<number> =>
    (await client.responses.inputTokens.count({ model: 'fake/fast', input: 'and now?', ...more }))
      .input_tokens;
  const alone = await count({});
  expect(alone).toBeGreaterThan(2);
  expect(await count({ previous_response_id: first.id })).toBeGreaterThan(alone + 10);
  expect(await count({ tools: [add] })).toBeGreaterThan(alone + 10);
  expect(ground.gateway.calls).toHaveLength(asked);
  expect((await failure(count({ previous_response_id: 'resp_nobody' }))).status).toBe(400);
});
