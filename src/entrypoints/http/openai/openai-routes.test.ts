import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, streamText, tool } from 'ai';
import OpenAI, { APIError } from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, systemClock } from '../../../base/index.ts';
import { noUsage } from '../../../protocol/index.ts';
import {
  asAdmin,
  createHttpGround,
  openHttpGround,
  sseEvents,
  storedAgent,
} from '../../../testing/http-ground.ts';
import { createHttpServer, type HttpServer } from '../index.ts';

const user = (content: string) => [{ role: 'user' as const, content }];
const addTool = {
  type: 'function' as const,
  function: { name: 'add', description: 'adds', parameters: { type: 'object', properties: {} } },
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

/** What an `openai` client throws. */
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

describe('the openai client', () => {
  it('sees agents, aliases and models, the last only where it may use them', async () => {
    const ids = async (key: string) =>
      (await client.withOptions({ apiKey: key }).models.list()).data.map(({ id }) => id);
    const agents = ['helper', 'other', 'agentic-general', 'agentic-research', 'agentic-workflow'];
    expect(await ids('key-agents:read')).toEqual(agents);
    expect(await ids('key-agents:invoke,models:invoke')).toEqual([...agents, 'fake/fast']);
    await ids('key-admin');
    expect(ground.models.lists).toBe(1);
    expect(await client.models.retrieve('helper')).toMatchObject({
      id: 'helper',
      object: 'model',
      owned_by: 'agent33',
      created: 1_767_225_600,
    });
    expect(await client.models.retrieve('fake/fast')).toMatchObject({ id: 'fake/fast', owned_by: 'fake' });
    const { models } = ground.gateway;
    ground.gateway.models = {
      ...models,
      groups: new Map(['chat', 'vendor/*'].map((name) => [name, []])),
      aliases: new Map([['quick', 'chat']]),
    };
    expect(await ids('key-models:read')).toEqual(['chat', 'quick', ...agents, 'fake/fast']);
    for (const id of ['chat', 'quick']) expect((await client.models.retrieve(id)).id).toBe(id);
    for (const id of ['quick', 'fake/fast']) ground.gateway.forbidden.add(id);
    expect(await ids('key-models:read')).toEqual(['chat', ...agents]);
    ground.gateway.forbidden.clear();
    // Whatever the router would send to a provider is not for that a model: who offers it?
    const { resolve } = ground.models;
    ground.models.resolve = () => ({ provider: {} as never, model: 'x', id: 'fake/x' });
    for (const id of ['nobody', 'fake/nobody'])
      expect(await failure(client.models.retrieve(id))).toMatchObject({
        status: 404,
        code: 'model_not_found',
        param: 'model',
      });
    expect((await client.models.retrieve('fast')).id).toBe('fast');
    ground.models.resolve = () => {
      throw new AppError('model_unavailable', 'Ollama is not connected.', { retryable: false });
    };
    expect(await failure(client.models.retrieve('gone'))).toMatchObject({ status: 404 });
    const ask = () => client.chat.completions.create({ model: 'gone', messages: user('hi') });
    expect(await failure(ask())).toMatchObject({ status: 503 });
    ground.models.resolve = () => {
      throw new AppError('model_unavailable', 'Nobody has it.', { details: { unknownModel: 'gone' } });
    };
    expect(await failure(ask())).toMatchObject({ status: 404, code: 'model_not_found' });
    ground.models.resolve = resolve;
    ground.gateway.models = models;
  });

  it('talks to an agent', async () => {
    const { data, response } = await client.chat.completions
      .create({
        model: 'helper',
        messages: user('hello'),
        temperature: 0.5,
        max_tokens: 9,
        stop: 'x',
        user: 'u1',
      })
      .withResponse();
    expect(data).toEqual({
      id: 'chatcmpl-run_1',
      object: 'chat.completion',
      created: expect.any(Number) as number,
      model: 'helper',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'you said hello', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });
    expect(response.headers.get('x-a33-run-id')).toBe('run_1');
    expect(response.headers.get('x-request-id')).toBe('req_000001');
    expect(response.headers.get('x-a33-offline')).toBeNull();
    expect(ground.runs.requests[0]).toMatchObject({
      source: 'openai',
      sessionKey: null,
      input: {
        message: 'hello',
        messages: [{ role: 'user', content: 'hello' }],
        settings: { temperature: 0.5, maxTokens: 9, stop: ['x'] },
      },
    });
  });

  it('talks to teams, and to workflows that take one text, as to models', async () => {
    const define = (kind: string, name: string, spec: object) => ({
      apiVersion: 'agent33/v1',
      kind,
      metadata: { name },
      spec,
    });
    const steps = [{ id: 'a', action: 'transform', inputs: { expression: '1' } }];
    await ground.teams.create(
      undefined as never,
      define('Team', 'crew', { mode: 'route', members: ['helper'] }),
    );
    const workflows: Record<string, object> = {
      report: { topic: 'string', sides: { type: 'array', default: [] } },
      sums: { a: 'number' },
      two: { a: 'string', b: 'string' },
      none: {},
    };
    for (const [name, inputs] of Object.entries(workflows))
      await ground.workflows.create(undefined as never, define('Workflow', name, { inputs, steps }));
    const listed = async (key: string) =>
      (await client.withOptions({ apiKey: key }).models.list()).data
        .map(({ id }) => id)
        .filter((id) => id.includes('/'));
    expect(await listed('key-admin')).toEqual(['team/crew', 'workflow/report', 'fake/fast']);
    expect(await listed('key-teams:invoke')).toEqual(['team/crew']);
    expect(await listed('key-workflows:read')).toEqual(['workflow/report']);
    expect((await client.models.retrieve('team/crew')).owned_by).toBe('agent33');

    ground.runs.agents.push('crew', 'report');
    const messages = [...user('earlier'), { role: 'assistant' as const, content: 'yes' }, ...user('now')];
    const byTeam = await client.chat.completions.create({ model: 'team/crew', messages });
    expect(byTeam).toMatchObject({ model: 'team/crew', choices: [{ message: { content: 'you said now' } }] });
    await client.chat.completions.create({ model: 'workflow/report', messages });
    expect(ground.runs.requests.map(({ target, input }) => ({ target, input }))).toEqual([
      { target: { kind: 'team', name: 'crew' }, input: { message: 'now', messages } },
      { target: { kind: 'workflow', name: 'report' }, input: { topic: 'now' } },
    ]);

    const asked = (model: string, key = 'key-admin') =>
      failure(client.withOptions({ apiKey: key }).chat.completions.create({ model, messages }));
    expect((await asked('team/crew', 'key-agents:invoke')).status).toBe(403);
    expect((await asked('workflow/report', 'key-teams:invoke')).status).toBe(403);
    for (const model of ['team/nobody', 'workflow/two', 'workflow/sums', 'workflow/none', 'constructor'])
      expect(await asked(model)).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
  });

  it('streams what was added to the words that were streamed', async () => {
    ground.runs.script = ({ emit }) => {
      emit({ type: 'text-delta', step: 'model:1', text: 'let me see' });
      emit({ type: 'text-delta', step: 'model:2', text: 'both agree' });
      return Promise.resolve('both agree\n\nWithout an answer of: x');
    };
    const stream = await client.chat.completions.create({
      model: 'helper',
      messages: user('hello'),
      stream: true,
    });
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    expect(text).toBe('let me see\n\nboth agree\n\nWithout an answer of: x');
  });

  it('streams an agent’s answer', async () => {
    ground.runs.script = ({ emit }) => {
      emit({ type: 'reasoning-delta', step: 'model:1', text: 'hm' });
      emit({ type: 'text-delta', step: 'model:1', text: 'let me ' });
      emit({ type: 'text-delta', step: 'model:1', text: 'look' });
      emit({ type: 'tool-call', step: 'model:1', call: { id: 'c', name: 'own', arguments: {} } });
      emit({ type: 'text-delta', step: 'model:2', text: 'done' });
      return Promise.resolve('done');
    };
    const stream = await client.chat.completions.create({
      model: 'helper',
      messages: user('hello'),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(new Set(chunks.map(({ id, object, model }) => `${id} ${object} ${model}`))).toEqual(
      new Set(['chatcmpl-run_1 chat.completion.chunk helper']),
    );
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '' },
      { reasoning_content: 'hm' },
      { content: 'let me ' },
      { content: 'look' },
      { content: '\n\n' },
      { content: 'done' },
      {},
      undefined,
    ]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
      null,
      null,
      null,
      null,
      null,
      null,
      'stop',
      undefined,
    ]);
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });
  });

  it('gets the whole text of an agent that does not stream, and no usage unless asked for', async () => {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...asAdmin, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'helper', messages: user('hello'), stream: true, unknown_field: 1 }),
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const text = await response.text();
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(text).toContain('"content":"you said hello"');
    expect(text).not.toContain('usage');
  });

  it('executes its own functions', async () => {
    ground.runs.script = () =>
      Promise.resolve({
        text: '',
        finishReason: 'tool-calls',
        toolCalls: [
          { id: 'c1', name: 'add', arguments: { a: 1 } },
          { id: 'c2', name: 'add', arguments: {} },
        ],
      });
    const plain = await client.chat.completions.create({
      model: 'helper',
      messages: user('add'),
      tools: [addTool],
    });
    expect(plain.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: null,
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } },
          { id: 'c2', type: 'function', function: { name: 'add', arguments: '{}' } },
        ],
      },
    });
    expect(ground.runs.requests[0]?.input).toMatchObject({ clientTools: [addTool] });
    const runner = client.chat.completions.stream({
      model: 'helper',
      messages: user('add'),
      tools: [addTool],
      tool_choice: 'auto',
    });
    const final = await runner.finalChatCompletion();
    expect(final.choices[0]?.finish_reason).toBe('tool_calls');
    expect(final.choices[0]?.message.tool_calls).toMatchObject([
      { id: 'c1', function: { name: 'add', arguments: '{"a":1}' } },
      { id: 'c2', function: { name: 'add', arguments: '{}' } },
    ]);
    await client.chat.completions.create({
      model: 'helper',
      messages: user('add'),
      tools: [addTool],
      tool_choice: 'none',
    });
    expect(ground.runs.requests[2]?.input).not.toHaveProperty('clientTools');
  });

  it('reaches an agent by alias: one labelled for it, else the default one', async () => {
    ground.agents.all.set('digger', storedAgent('digger', { labels: { agentic: 'research' } }));
    ground.runs.agents.push('digger');
    for (const model of ['agentic-general', 'agentic-research', 'agentic-workflow']) {
      const { model: told } = await client.chat.completions.create({ model, messages: user('x') });
      expect(told).toBe(model);
    }
    expect(ground.runs.requests.map(({ target }) => target.name)).toEqual(['helper', 'digger', 'helper']);
  });

  it('calls a model directly, without a run', async () => {
    const { data } = await client.chat.completions
      .create({
        model: 'fake/fast',
        messages: [{ role: 'system', content: 's' }, ...user('hello')],
        tools: [addTool],
        tool_choice: { type: 'function', function: { name: 'add' } },
        response_format: { type: 'json_object' },
        top_p: 0.5,
      })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe('hi');
    const streamed = await client.chat.completions.create({
      model: 'fake/fast',
      messages: user('hello'),
      stream: true,
    });
    let text = '';
    for await (const chunk of streamed) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('hi');
    expect(ground.runs.requests).toEqual([]);
    expect(ground.models.requests[0]).toEqual({
      messages: [
        { role: 'system', content: 's' },
        { role: 'user', content: 'hello' },
      ],
      settings: { topP: 0.5 },
      tools: [{ name: 'add', description: 'adds', parameters: { type: 'object', properties: {} } }],
      toolChoice: { name: 'add' },
      responseFormat: { type: 'json' },
    });
  });

  it('needs the permission for what it names', async () => {
    const create = (key: string, model: string) =>
      client.withOptions({ apiKey: key }).chat.completions.create({ model, messages: user('x') });
    expect((await failure(create('key-agents:invoke', 'fake/fast'))).status).toBe(403);
    expect((await failure(create('key-models:invoke', 'helper'))).status).toBe(403);
    await expect(create('key-models:invoke', 'fake/fast')).resolves.toBeDefined();
    expect(await failure(create('wrong', 'helper'))).toMatchObject({
      status: 401,
      type: 'authentication_error',
      code: 'unauthenticated',
    });
  });

  it('is told that no language model is connected', async () => {
    ground.models.offline = true;
    const { data, response } = await client.chat.completions
      .create({ model: 'helper', messages: user('hello') })
      .withResponse();
    expect(response.headers.get('x-a33-offline')).toBe('true');
    expect((data as { system_fingerprint?: string }).system_fingerprint).toBe('agent33-offline-1');
    const stream = await client.chat.completions.create({
      model: 'helper',
      messages: user('hello'),
      stream: true,
    });
    for await (const chunk of stream) expect(chunk).toHaveProperty('system_fingerprint', 'agent33-offline-1');
  });

  it.each([false, true])(
    'gets an error before the first byte with its real status (stream: %s)',
    async (stream) => {
      ground.runs.script = () => Promise.reject(new AppError('model_unavailable', 'Ollama does not answer'));
      expect(
        await failure(client.chat.completions.create({ model: 'helper', messages: user('x'), stream })),
      ).toMatchObject({
        status: 503,
        message: '503 Ollama does not answer',
        type: 'server_error',
        code: 'model_unavailable',
      });
      ground.models.parts = [
        {
          type: 'error',
          error: new AppError('rate_limited', 'slow down', { details: { retryAfterMs: 2000 } }),
        },
      ];
      const limited = await failure(
        client.chat.completions.create({ model: 'fake/fast', messages: user('x'), stream }),
      );
      expect(limited).toMatchObject({ status: 429, type: 'rate_limit_error' });
      expect(limited.headers?.get('retry-after')).toBe('2');
      expect(limited.headers?.get('x-should-retry')).toBe('true');
    },
  );

  it('gets an error in the middle of a stream as its last event', async () => {
    ground.models.parts = [
      { type: 'text-delta', text: 'be' },
      { type: 'error', error: new AppError('upstream_error', 'the connection broke') },
    ];
    const stream = await client.chat.completions.create({
      model: 'fake/fast',
      messages: user('x'),
      stream: true,
    });
    let text = '';
    const read = async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    };
    await expect(read()).rejects.toThrow('the connection broke');
    expect(text).toBe('be');
  });

  it.each([
    [{ model: 'helper', messages: [] }, 'messages'],
    [{ model: 'helper', messages: [{ role: 'system', content: 'x' }] }, 'messages'],
    [{ model: 'fake/fast', messages: [{ role: 'bot', content: 'x' }] }, 'messages.0.role'],
    [{ model: 'helper', messages: user('x'), temperature: 3 }, 'temperature'],
    [{ model: 'helper', messages: user('x'), n: 2 }, 'n'],
  ])('is told which parameter is wrong: %j', async (body, param) => {
    const error = await failure(client.chat.completions.create(body as never));
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param });
  });

  it('ends the run when it hangs up, streamed or not', async () => {
    const begun: (() => void)[] = [];
    const started = () => new Promise<void>((resolve) => void begun.push(resolve));
    ground.runs.script = ({ emit, signal }) => {
      emit({ type: 'text-delta', step: 'model:1', text: 'a' });
      begun.shift()?.();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    };
    for (const stream of [false, true]) {
      const controller = new AbortController();
      const running = started();
      const asked = client.chat.completions.create(
        { model: 'helper', messages: user('x'), stream },
        { signal: controller.signal },
      );
      const outcome = asked.then(
        () => 'opened',
        () => 'ended',
      );
      await running;
      if (stream) await outcome;
      controller.abort();
      await outcome;
      await expect.poll(() => ground.runs.cancelled).toHaveLength(stream ? 2 : 1);
    }
  });

  it('pays once for a request that it repeats with the same key', async () => {
    const create = () =>
      client.chat.completions.create(
        { model: 'helper', messages: user('x') },
        { headers: { 'idempotency-key': 'k' } },
      );
    expect((await create()).id).toBe((await create()).id);
    expect(ground.runs.requests).toHaveLength(1);
  });
});

describe('the AI SDK', () => {
  it('talks to an agent, streams and calls its own tools', async () => {
    const provider = createOpenAICompatible({
      name: 'agent33',
      baseURL: `${server.url}/v1`,
      apiKey: 'key-admin',
      includeUsage: true,
    });
    const { text, usage } = await generateText({ model: provider('helper'), prompt: 'hello' });
    expect([text, usage.inputTokens, usage.outputTokens]).toEqual(['you said hello', 3, 2]);
    const streamed = streamText({ model: provider('helper'), prompt: 'again' });
    expect(await streamed.text).toBe('you said again');
    expect((await streamed.usage).outputTokens).toBe(2);
    ground.runs.script = () =>
      Promise.resolve({
        text: '',
        finishReason: 'tool-calls',
        toolCalls: [{ id: 'c1', name: 'add', arguments: { a: 1 } }],
      });
    const called = await generateText({
      model: provider('helper'),
      prompt: 'add',
      tools: {
        add: tool({ inputSchema: jsonSchema({ type: 'object', properties: { a: { type: 'number' } } }) }),
      },
    });
    expect(called.toolCalls).toMatchObject([{ toolCallId: 'c1', toolName: 'add', input: { a: 1 } }]);
  });
});

describe('/v1', () => {
  it('answers what does not exist in OpenAI’s shape', async () => {
    const { app } = await openHttpGround();
    const response = await app.inject({ method: 'POST', url: '/v1/nothing', headers: asAdmin });
    expect([response.statusCode, response.json()]).toEqual([
      404,
      {
        error: {
          message: 'there is nothing at POST /v1/nothing',
          type: 'invalid_request_error',
          param: null,
          code: 'not_found',
        },
      },
    ]);
  });

  it('lists no alias where there is no agent', async () => {
    const { app, agents } = await openHttpGround();
    agents.all.clear();
    const response = await app.inject({ url: '/v1/models', headers: { 'x-api-key': 'key-agents:read' } });
    expect(response.json()).toEqual({ object: 'list', data: [] });
    const chat = await app.inject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: asAdmin,
      body: { model: 'agentic-general', messages: user('x') },
    });
    expect([chat.statusCode, chat.json<{ error: { code: string } }>().error.code]).toEqual([
      404,
      'model_not_found',
    ]);
  });

  it('streams through inject as over a socket', async () => {
    const { app, models } = await openHttpGround();
    models.parts = [
      { type: 'tool-call', call: { id: 'c', name: 'f', arguments: {}, invalidArguments: '{"a' } },
      { type: 'finish', finishReason: 'length', usage: noUsage, model: 'fast' },
    ];
    const response = await app.inject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: asAdmin,
      body: { model: 'fake/fast', messages: user('x'), stream: true },
    });
    const events = sseEvents(response.body);
    expect(events.at(-1)?.data).toBe('[DONE]');
    expect(response.body).toContain(String.raw`"arguments":"{\"a"`);
    expect(response.body).toContain('"finish_reason":"length"');
  });
});
