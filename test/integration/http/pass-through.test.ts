import OpenAI, { APIError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { systemClock, type JsonObject } from '../../../src/base/index.ts';
import { createOpenAICompatibleProvider } from '../../../src/capabilities/models/providers/openai-compatible-provider.ts';
import { createEgressClient, type EgressClient } from '../../../src/platform/http-client/index.ts';
import { createDirectGateway, plainDeployment } from '../../../src/testing/direct-gateway.ts';
import { createHttpGround } from '../../../src/testing/http-ground.ts';
import { startFakeOpenAI, type FakeModelServer, type ModelServerFault } from '../../../src/testing/models.ts';
import { createHttpServer, type HttpServer } from '../../../src/entrypoints/http/index.ts';

const user = (content: string) => [{ role: 'user' as const, content }];

describe('the openai client through the gateway', () => {
  let upstream: FakeModelServer;
  let second: FakeModelServer;
  let egress: EgressClient;
  let server: HttpServer;
  let client: OpenAI;
  let outcomes: ReturnType<typeof createDirectGateway>['outcomes'];
  let ground: ReturnType<typeof createHttpGround>;

  beforeEach(async () => {
    [upstream, second] = await Promise.all([startFakeOpenAI(), startFakeOpenAI()]);
    egress = createEgressClient({ allowPrivate: ['127.0.0.1'] });
    const deployments = [upstream, second].map(({ url }, index) =>
      plainDeployment(
        createOpenAICompatibleProvider({
          baseUrl: `${url}/v1`,
          apiKey: 'sk-upstream',
          fetch: egress.fetch,
          pass: egress.pass,
          clock: systemClock,
        }),
        `real-${index + 1}`,
      ),
    );
    const gateway = createDirectGateway(...(deployments as [never, never]));
    ({ outcomes } = gateway);
    ground = createHttpGround({ clock: systemClock });
    server = createHttpServer({
      ...ground.deps,
      gateway: { ...gateway, list: () => ({ ...ground.models.list(), groups: new Map([['chat', []]]) }) },
    });
    await server.start();
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'key-models:invoke', maxRetries: 0 });
  });
  afterEach(async () => {
    await server.stop();
    await Promise.all([egress.close(), upstream.stop(), second.stop()]);
  });

  const sent = (): JsonObject | undefined => upstream.chatRequests.at(-1)?.body;
  const failure = (work: Promise<unknown>): Promise<APIError> =>
    work.then(
      () => expect.fail('did not fail'),
      (error: unknown) => error as APIError,
    );

  it('reaches the upstream with every field it wrote, but for those of the router', async () => {
    upstream.reply('hello');
    const body = {
      model: 'chat',
      messages: user('hi'),
      n: 1,
      logprobs: true,
      top_logprobs: 2,
      reasoning_effort: 'low',
      unheard_of: { nested: [1, { model: 'chat' }] },
      metadata: { tags: ['a', 'b'], session: 's' },
      fallbacks: ['other'],
      num_retries: 1,
      timeout: 30,
      cache: { 'no-cache': true },
    };
    const { data, response } = await client.chat.completions.create(body as never).withResponse();
    expect(data.choices[0]?.message.content).toBe('hello');
    const { fallbacks: _f, num_retries: _n, timeout: _t, cache: _c, ...kept } = body;
    expect(sent()).toEqual({ ...kept, model: 'real-1', metadata: { session: 's' } });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-a33-deployment': 'direct',
      'x-a33-model': 'openai/real-1',
      'x-a33-attempts': '1',
      'x-a33-cache': 'off',
      'x-request-id': expect.stringMatching(/^req_/) as string,
      'content-length': expect.any(String) as string,
    });
    await expect
      .poll(() => outcomes)
      .toMatchObject([{ status: 'ok', estimated: false, usage: { inputTokens: 10 } }]);
  });

  it('streams; sees the usage only if it asked for it', async () => {
    for (const asks of [false, true]) {
      upstream.reply({ chunks: ['Hel', 'lo'] });
      const stream = await client.chat.completions.create({
        model: 'chat',
        messages: user('hi'),
        stream: true,
        ...(asks ? { stream_options: { include_usage: true } } : {}),
      });
      let text = '';
      const usages: unknown[] = [];
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        if (chunk.usage) usages.push(chunk.usage);
      }
      expect(text).toBe('Hello');
      expect(usages).toHaveLength(asks ? 1 : 0);
      expect(sent()?.['stream_options']).toEqual({ include_usage: true });
    }
    expect(outcomes.map(({ usage }) => usage)).toEqual([
      { inputTokens: 10, outputTokens: 5, costUsd: null },
      { inputTokens: 10, outputTokens: 5, costUsd: null },
    ]);
  });

  it('runs tools and parses answers by a schema', async () => {
    upstream.reply({ toolCalls: [{ name: 'add', arguments: { a: 2, b: 3 } }] }, 'It is 5.');
    const runner = client.chat.completions.runTools({
      model: 'chat',
      messages: user('2 + 3?'),
      tools: [
        {
          type: 'function',
          function: {
            name: 'add',
            description: 'adds',
            parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
            parse: JSON.parse,
            function: ({ a, b }: { a: number; b: number }) => String(a + b),
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is 5.');
    expect(upstream.chatRequests.at(-1)?.body['messages']).toMatchObject([
      {},
      { role: 'assistant' },
      { role: 'tool', content: '5' },
    ]);

    upstream.reply('{"city":"Oslo"}');
    const parsed = await client.chat.completions.parse({
      model: 'chat',
      messages: user('where?'),
      response_format: zodResponseFormat(z.object({ city: z.string() }), 'place'),
    });
    expect(parsed.choices[0]?.message.parsed).toEqual({ city: 'Oslo' });
    expect(sent()?.['response_format']).toMatchObject({ json_schema: { strict: true } });
  });

  it('gets the answer of the second when the first fails before its first event', async () => {
    for (const stream of [false, true]) {
      const faults: readonly ModelServerFault[] = [
        { kind: 'status', status: 500 },
        { kind: 'reset' },
        { kind: 'wrong-content-type' },
        ...(stream ? [{ kind: 'error-event', afterPieces: 0, message: 'overloaded' } as const] : []),
        { kind: 'cut', afterPieces: 0 },
      ];
      for (const fault of faults) {
        upstream.fail(fault);
        second.reply('from the second');
        const { response } = await client.chat.completions
          .create({ model: 'chat', messages: user('hi'), stream } as never)
          .withResponse();
        expect(response.headers.get('x-a33-attempts'), JSON.stringify(fault)).toBe('2');
      }
    }
  });

  it('gets an error with its status and whether to try again', async () => {
    upstream.fail({ kind: 'status', status: 400, message: 'temperature is out of range' });
    second.fail({ kind: 'status', status: 400, message: 'temperature is out of range' });
    const refused = await failure(
      client.chat.completions.create({ model: 'chat', messages: user('hi'), stream: true }),
    );
    expect(refused).toMatchObject({
      status: 400,
      message: expect.stringContaining('out of range') as string,
    });
    upstream.fail({ kind: 'status', status: 503 });
    second.fail({ kind: 'status', status: 503 });
    const down = await failure(client.chat.completions.create({ model: 'chat', messages: user('hi') }));
    expect(down.status).toBe(503);
    // Two have been asked; a client that tries again would multiply that.
    expect(down.headers?.get('x-should-retry')).toBe('false');
    const wrong = await failure(
      client.chat.completions.create({ model: 'chat', messages: user('hi'), stream: 'yes' } as never),
    );
    expect(wrong).toMatchObject({ status: 400, param: 'stream' });
  });

  it('is told of a break in the middle', async () => {
    for (const fault of [
      { kind: 'cut', afterPieces: 2 },
      { kind: 'error-event', afterPieces: 2, message: 'overloaded' },
    ] as const) {
      upstream.reply({ chunks: ['a', 'b', 'c'] });
      upstream.fail(fault);
      const stream = await client.chat.completions.create({
        model: 'chat',
        messages: user('hi'),
        stream: true,
      });
      const seen: string[] = [];
      const error = await failure(
        (async () => {
          for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? '');
        })(),
      );
      expect(seen.join('')).toBe('a');
      expect(error).toBeInstanceOf(APIError);
    }
    expect(second.chatRequests).toHaveLength(0);
    expect(outcomes.at(-1)?.status).toBe('upstream_error');
  });

  it('ends the upstream call within 50 ms when it leaves', async () => {
    upstream.fail({ kind: 'never-ending', everyMs: 5 });
    const stream = await client.chat.completions.create({
      model: 'chat',
      messages: user('hi'),
      stream: true,
    });
    for await (const _chunk of stream) break;
    const leftAt = performance.now();
    stream.controller.abort();
    await upstream.untilClientsLeft();
    expect(performance.now() - leftAt).toBeLessThan(50);
    await expect.poll(() => outcomes.at(-1)).toMatchObject({ status: 'cancelled', estimated: true });
  });

  it('asks old completions over chat where the upstream answers over chat, one call for each prompt', async () => {
    ground.models.parts = [
      { type: 'text-delta', text: 'yes' },
      {
        type: 'finish',
        finishReason: 'stop',
        usage: { inputTokens: 1, outputTokens: 2, costUsd: null },
        model: 'm',
      },
    ];
    const overChat = createHttpServer(ground.deps);
    await overChat.start();
    const old = new OpenAI({ baseURL: `${overChat.url}/v1`, apiKey: 'key-admin', maxRetries: 0 });
    const answer = await old.completions.create({
      model: 'fake/fast',
      prompt: ['a', 'b'],
      n: 2,
      max_tokens: 5,
    });
    expect(answer.choices.map(({ index, text }) => [index, text])).toEqual(
      [0, 1, 2, 3].map((index) => [index, 'yes']),
    );
    expect(answer.usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 8 });
    expect(ground.gateway.calls.map((call) => call.request().messages[0]?.content)).toEqual([
      'a',
      'a',
      'b',
      'b',
    ]);
    const streamed = await old.completions.create({ model: 'fake/fast', prompt: ['a', 'b'], stream: true });
    const seen: unknown[] = [];
    for await (const chunk of streamed)
      seen.push([chunk.choices[0]?.index, chunk.choices[0]?.text, chunk.choices[0]?.finish_reason]);
    expect(seen).toEqual([
      [0, 'yes', null],
      [0, '', 'stop'],
      [1, 'yes', null],
      [1, '', 'stop'],
    ]);
    for (const extra of [{ echo: true }, { suffix: 'x' }, { logprobs: 1 }])
      expect(
        await failure(old.completions.create({ model: 'fake/fast', prompt: 'a', ...extra })),
      ).toMatchObject({ status: 400 });
    await overChat.stop();
  });

  it('gets vectors as base64 unasked, and as floats when it wants them', async () => {
    const vector = [0.5, -1, 3.25];
    const usage = { inputTokens: 3, outputTokens: 0, costUsd: null };
    ground.gateway.embeddings = (call) => ({
      kind: 'vectors',
      route: {
        deployment: 'd',
        provider: 'p',
        model: 'm',
        attempts: 1,
        groups: [],
        overheadMs: 0,
        cache: 'off',
        offline: false,
      },
      response: { vectors: call.request().texts.map(() => vector), model: 'm', usage },
    });
    const embedder = createHttpServer(ground.deps);
    await embedder.start();
    const own = new OpenAI({ baseURL: `${embedder.url}/v1`, apiKey: 'key-admin', maxRetries: 0 });
    const one = await own.embeddings.create({ model: 'fake/fast', input: ['a', 'b'], dimensions: 3 });
    expect(one.data.map(({ index, embedding }) => [index, [...embedding]])).toEqual([
      [0, vector],
      [1, vector],
    ]);
    expect(one.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
    const floats = await own.embeddings.create({ model: 'fake/fast', input: 'a', encoding_format: 'float' });
    expect(floats.data[0]?.embedding).toEqual(vector);
    const raw = JSON.stringify({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: vector }],
    });
    // An upstream that pays no heed to the wanted format.
    ground.gateway.embeddings = () => ({
      kind: 'bytes',
      route: {
        deployment: 'd',
        provider: 'p',
        model: 'm',
        attempts: 1,
        groups: [],
        overheadMs: 0,
        cache: 'off',
        offline: false,
      },
      status: 200,
      contentType: 'application/json',
      body: (async function* () {
        yield Buffer.from(raw);
      })(),
    });
    expect([
      ...((await own.embeddings.create({ model: 'fake/fast', input: 'a' })).data[0]?.embedding ?? []),
    ]).toEqual(vector);
    await embedder.stop();
  });
});

describe('what a request says about its routing', () => {
  it('reaches the gateway; switches for tests only from admins; the end user only from whom may speak for others', async () => {
    const ground = createHttpGround({ clock: systemClock });
    const server = createHttpServer(ground.deps);
    await server.start();
    const ask = (key: string, body: object, headers: Record<string, string> = {}) =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ model: 'fake/fast', messages: user('hi'), ...body }),
      });
    const openWebUI = { 'x-openwebui-user-email': 'ann@example.com' };
    await ask(
      'key-models:invoke',
      { user: 'bob', fallbacks: [{ model: 'b', temperature: 0 }], num_retries: 2, timeout: 1.5 },
      { ...openWebUI, 'x-a33-tags': 'eu, paid', 'cache-control': 'no-store' },
    );
    expect(ground.gateway.calls.at(-1)).toMatchObject({
      caller: { tags: ['eu', 'paid'], scope: { principal: 'key:models:invoke' } },
      routing: {
        fallbacks: [{ model: 'b', params: { temperature: 0 } }],
        numRetries: 2,
        timeoutMs: 1500,
        cache: { noStore: true },
      },
    });
    expect(ground.gateway.calls.at(-1)?.caller.user).toBeUndefined();
    await ask('key-models:invoke,users:represent', {}, openWebUI);
    expect(ground.gateway.calls.at(-1)?.caller.user).toBe('ann@example.com');
    await ask('key-models:invoke,users:represent', { user: 'bob' });
    expect(ground.gateway.calls.at(-1)?.caller.user).toBe('bob');
    expect((await ask('key-models:invoke', { mock_testing_fallbacks: true })).status).toBe(403);
    await ask('key-admin', { mock_testing_fallbacks: true });
    expect(ground.gateway.calls.at(-1)).toMatchObject({
      routing: { failFirst: { attempts: 1, kind: 'error' }, numRetries: 0 },
    });
    expect(ground.gateway.calls.at(-1)?.wire?.json).not.toHaveProperty('mock_testing_fallbacks');
    await server.stop();
  });

  it('sends what clients ask on their own to the model for that', async () => {
    const ground = createHttpGround({ clock: systemClock });
    const server = createHttpServer({ ...ground.deps, backgroundModel: () => 'offline/assistant' });
    await server.start();
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'key-admin', maxRetries: 0 });
    await client.chat.completions.create({
      model: 'helper',
      messages: user('### Task:\nGenerate a title {"title": "…"}'),
    });
    expect(ground.gateway.calls.at(-1)?.reference).toEqual({ name: 'offline/assistant' });
    await client.chat.completions.create({
      model: 'fake/fast',
      messages: user('### Task: answer\n<context>x</context>'),
    });
    expect(ground.gateway.calls.at(-1)?.reference).toEqual({ name: 'fake/fast' });
    await server.stop();
  });
});
