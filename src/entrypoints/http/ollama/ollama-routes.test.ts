import { Ollama } from 'ollama';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, systemClock } from '../../../base/index.ts';
import type { GatewayAnswer, ModelEvent } from '../../../capabilities/models/index.ts';
import { noUsage } from '../../../protocol/index.ts';
import { fakeRoute } from '../../../testing/fake-gateway.ts';
import { createHttpGround } from '../../../testing/http-ground.ts';
import type { HttpServerDeps } from '../http-deps.ts';
import { createHttpServer, type HttpServer } from '../index.ts';

const usage = { inputTokens: 7, outputTokens: 3, costUsd: null };
const finish = { type: 'finish', finishReason: 'stop', usage, model: 'fast' } as const;
const text = (...pieces: string[]): ModelEvent[] => [
  ...pieces.map((piece): ModelEvent => ({ type: 'text-delta', text: piece })),
  finish,
];
const said = [{ role: 'user', content: 'hi' }];
const model = 'fake/fast';

let ground: ReturnType<typeof createHttpGround>;
let server: HttpServer;
let client: Ollama;
let local: ReturnType<NonNullable<HttpServerDeps['localModels']>>;
beforeEach(async () => {
  ground = createHttpGround({ clock: systemClock });
  local = undefined;
  server = createHttpServer({ ...ground.deps, localModels: () => local });
  await server.start();
  client = new Ollama({ host: `${server.url}/ollama`, headers: { authorization: 'Bearer key-admin' } });
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

const call = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/ollama${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: 'Bearer key-admin', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });

describe('what Open WebUI asks', () => {
  it('is told that something runs, and which version, only with a key', async () => {
    for (const path of ['', '/']) {
      const running = await fetch(`${server.url}/ollama${path}`);
      expect([running.status, await running.text()]).toEqual([200, 'Ollama is running']);
      expect((await fetch(`${server.url}/ollama${path}`, { method: 'HEAD' })).status).toBe(200);
    }
    const { version } = (await (await call('/api/version')).json()) as { version: string };
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const refused = await call('/api/version', undefined, { authorization: 'Bearer nothing' });
    expect([refused.status, await refused.json()]).toEqual([401, { error: 'valid credentials are needed' }]);
  });

  it('lists models by name and model, each with a tag, and answers by the name with its tag', async () => {
    const { models } = (await (await call('/api/tags')).json()) as { models: Record<string, unknown>[] };
    expect(models.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['helper:latest', 'fake/fast:latest']),
    );
    for (const entry of models) {
      expect(entry['model']).toBe(entry['name']);
      expect(entry['digest']).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(await (await call('/api/ps')).json()).toEqual({ models: [] });
    const chat = await call('/api/chat', { model: 'helper:latest', messages: said, stream: false });
    expect(await chat.json()).toMatchObject({
      model: 'helper:latest',
      message: { role: 'assistant', content: 'you said hi' },
    });
  });

  it('streams lines of JSON without being asked to, whatever the body calls itself', async () => {
    play([{ type: 'reasoning-delta', text: 'hm' }, ...text('he', 'llo')]);
    const answer = await call('/api/chat', JSON.stringify({ model, messages: said }), {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await answer.text())
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ message, done }) => [message, done])).toEqual([
      [{ role: 'assistant', content: '', thinking: 'hm' }, false],
      [{ role: 'assistant', content: 'he' }, false],
      [{ role: 'assistant', content: 'llo' }, false],
      [{ role: 'assistant', content: '' }, true],
    ]);
    expect(lines.at(-1)).toMatchObject({
      done_reason: 'stop',
      prompt_eval_count: 7,
      eval_count: 3,
      total_duration: expect.any(Number) as number,
    });
  });

  it('ends a stream with an error as its last line', async () => {
    play([
      { type: 'text-delta', text: 'half' },
      { type: 'error', error: new AppError('model_unavailable', 'it went away') },
    ]);
    const lines = (await (await call('/api/chat', { model, messages: said })).text()).trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ error: 'it went away' });
  });

  it('says in the same form that something is not there', async () => {
    for (const [path, status] of [
      ['/api/blobs/x', 404],
      ['/api/chat', 405],
    ] as const) {
      const answer = await call(path);
      expect(answer.status).toBe(status);
      expect(await answer.json()).toEqual({ error: expect.any(String) as string });
    }
  });
});

describe('the client of Ollama', () => {
  it('chats, with everything that a request can say', async () => {
    play(text('he', 'llo'));
    const schema = { type: 'object', properties: { n: { type: 'number' } } };
    const answer = await client.chat({
      model,
      messages: [
        { role: 'system', content: 'be kind' },
        { role: 'user', content: 'look', images: ['/9j/AAAA'] },
        {
          role: 'assistant',
          content: '',
          thinking: 'hm',
          tool_calls: [{ function: { name: 'add', arguments: { a: 1 } } }],
        },
        { role: 'tool', content: '2', tool_name: 'add' },
      ],
      tools: [
        {
          type: 'function',
          function: {
            name: 'add',
            description: 'adds',
            parameters: { type: 'object', properties: { a: { type: 'number' } } },
          },
        },
      ],
      format: schema,
      think: 'low',
      keep_alive: '5m',
      options: { temperature: 0.1, num_predict: 20, num_ctx: 4096, seed: 3, top_p: 0.5, stop: ['END'] },
    });
    expect(answer.message.content).toBe('hello');
    expect(answer).toMatchObject({ model, done: true, done_reason: 'stop', eval_count: 3 });
    expect(ground.gateway.calls[0]?.request()).toEqual({
      messages: [
        { role: 'system', content: 'be kind' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image', url: 'data:image/jpeg;base64,/9j/AAAA' },
          ],
        },
        {
          role: 'assistant',
          content: '',
          reasoning: 'hm',
          toolCalls: [{ id: 'call_1', name: 'add', arguments: { a: 1 } }],
        },
        { role: 'tool', toolCallId: 'call_1', name: 'add', content: '2' },
      ],
      tools: [
        {
          name: 'add',
          description: 'adds',
          parameters: { type: 'object', properties: { a: { type: 'number' } } },
        },
      ],
      responseFormat: { type: 'json', schema },
      settings: { temperature: 0.1, maxTokens: 20, topP: 0.5, seed: 3, stop: ['END'] },
      extra: { num_ctx: 4096, think: 'low', keep_alive: '5m', reasoning_effort: 'low' },
    });
  });

  it('streams, calls of tools with arguments as objects included', async () => {
    play([
      { type: 'text-delta', text: 'a' },
      { type: 'tool-call', call: { id: 'call_9', name: 'add', arguments: { a: 1 } } },
      { ...finish, finishReason: 'tool-calls' },
    ]);
    const pieces = [];
    for await (const part of await client.chat({ model, messages: said, stream: true })) pieces.push(part);
    expect(pieces.map(({ message }) => message.content).join('')).toBe('a');
    expect(pieces.flatMap(({ message }) => message.tool_calls ?? [])).toMatchObject([
      { function: { name: 'add', arguments: { a: 1 } } },
    ]);
    expect(pieces.at(-1)?.done).toBe(true);
  });

  it('completes a prompt, whole and as a stream', async () => {
    play(text('he', 'llo'), text('a', 'b'));
    const whole = await client.generate({
      model,
      prompt: 'hi',
      system: 'be kind',
      images: ['iVBORw'],
      format: 'json',
    });
    expect(whole).toMatchObject({ response: 'hello', done: true, prompt_eval_count: 7 });
    expect(ground.gateway.calls[0]?.request()).toMatchObject({
      messages: [
        { role: 'system', content: 'be kind' },
        { role: 'user', content: [{ text: 'hi' }, { url: 'data:image/png;base64,iVBORw' }] },
      ],
      responseFormat: { type: 'json' },
    });
    let all = '';
    for await (const part of await client.generate({ model, prompt: 'hi', stream: true }))
      all += part.response;
    expect(all).toBe('ab');
    expect(await client.generate({ model, prompt: '' })).toMatchObject({ done_reason: 'load', response: '' });
    expect(await client.generate({ model, prompt: '', keep_alive: 0 })).toMatchObject({
      done_reason: 'unload',
    });
    expect(ground.gateway.calls).toHaveLength(2);
  });

  it('makes embeddings, in both forms', async () => {
    ground.gateway.embeddings = (embedding) => ({
      kind: 'vectors',
      route: fakeRoute,
      response: {
        vectors: embedding.request().texts.map((one, index) => [one.length, index]),
        model: 'fast',
        usage: { ...noUsage, inputTokens: 5 },
      },
    });
    expect(await client.embed({ model, input: ['a', 'bcd'] })).toMatchObject({
      embeddings: [
        [1, 0],
        [3, 1],
      ],
      prompt_eval_count: 5,
    });
    expect((await client.embeddings({ model, prompt: 'four' })).embedding).toEqual([4, 0]);
    await expect(client.embed({ model: 'helper', input: 'a' })).rejects.toThrow('agents make no embeddings');
  });

  it('lists and shows models', async () => {
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).toContain('helper:latest');
    expect(await client.show({ model: 'helper:latest' })).toMatchObject({
      capabilities: ['completion', 'tools'],
      details: { family: 'agent33' },
    });
    expect(await client.show({ model })).toMatchObject({
      capabilities: expect.arrayContaining(['completion']) as string[],
    });
    await expect(client.show({ model: 'nobody' })).rejects.toMatchObject({ status_code: 404 });
    expect((await client.ps()).models).toEqual([]);
    expect((await client.version()).version).toBe('0.13.0');
  });

  it('pulls a model where an Ollama is connected, and is told where none is', async () => {
    await expect(client.pull({ model: 'llama3.2' })).rejects.toThrow('no Ollama is connected');
    const pulled: string[] = [];
    local = {
      pullModel: (name, onProgress) => {
        pulled.push(name);
        onProgress({ status: 'pulling manifest' });
        if (name === 'bad') return Promise.reject(new AppError('upstream_error', 'disk full'));
        onProgress({ status: 'success' });
        return Promise.resolve();
      },
    };
    expect(await client.pull({ model: 'ollama/llama3.2' })).toEqual({ status: 'success' });
    const statuses: string[] = [];
    for await (const { status } of await client.pull({ model: 'llama3.2', stream: true }))
      statuses.push(status);
    expect(statuses).toEqual(['pulling manifest', 'success']);
    expect(pulled).toEqual(['llama3.2', 'llama3.2']);
    const lines = (await (await call('/api/pull', { name: 'bad' })).text()).trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ error: 'disk full' });
    expect(
      (await call('/api/pull', { model: 'x' }, { authorization: 'Bearer key-models:invoke' })).status,
    ).toBe(403);
  });

  it('sees errors with their status and text', async () => {
    await expect(client.chat({ model: 'nobody', messages: said })).rejects.toMatchObject({
      status_code: 404,
      message: expect.stringContaining('nobody') as string,
    });
    play([
      { type: 'text-delta', text: 'half' },
      { type: 'error', error: new AppError('timeout', 'too slow') },
    ]);
    const read = async (): Promise<void> => {
      for await (const part of await client.chat({ model, messages: said, stream: true }))
        expect(part.model).toBe(model);
    };
    await expect(read()).rejects.toThrow('too slow');
  });

  it('ends the call when it leaves', async () => {
    const left = Promise.withResolvers<void>();
    ground.gateway.script.push((made) => ({
      kind: 'events',
      route: fakeRoute,
      events: (async function* (): AsyncGenerator<ModelEvent> {
        yield { type: 'text-delta', text: 'begin' };
        await new Promise<void>((resolve) => {
          made.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        left.resolve();
      })(),
    }));
    const stream = await client.chat({ model, messages: said, stream: true });
    const read = async (): Promise<void> => {
      for await (const part of stream) if (part.message.content === 'begin') stream.abort();
    };
    await expect(read()).rejects.toThrow();
    await left.promise;
  });
});
