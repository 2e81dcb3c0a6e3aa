import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import { noUsage } from '../../../protocol/index.ts';
import { fakeRoute } from '../../../testing/fake-gateway.ts';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

type Ground = Awaited<ReturnType<typeof openHttpGround>>;

/** What a field is replaced with; `undefined` leaves it out. */
const replacements: readonly (Json | undefined)[] = [
  undefined,
  null,
  '',
  'x',
  'y'.repeat(20_000),
  '\u0000\uD800',
  0,
  -1,
  1.5,
  1e308,
  true,
  [],
  [null],
  [[]],
  ['x'],
  {},
  { type: 'nothing' },
  { type: ['x'] },
  { role: 'user' },
];

interface Door {
  readonly url: string;
  /** Valid, with every field that is looked into. */
  readonly body: JsonObject;
  readonly isError: (body: unknown) => boolean;
}

const text = (value: unknown): value is string => typeof value === 'string' && value !== '';
const schema = { type: 'object', properties: { a: { type: 'string' } } };
const isOpenAIError = (body: unknown): boolean =>
  isJsonObject(body) &&
  isJsonObject(body['error']) &&
  text(body['error']['message']) &&
  text(body['error']['type']);
const isOllamaError = (body: unknown): boolean => isJsonObject(body) && text(body['error']);

const doors: readonly Door[] = [
  {
    url: '/v1/responses',
    isError: isOpenAIError,
    body: {
      model: 'fake/fast',
      instructions: 'be kind',
      input: [
        {
          type: 'message',
          role: 'user',
          content: [
            { type: 'input_text', text: 'hi' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'low' },
            { type: 'input_file', file_data: 'data:application/pdf;base64,AA==', filename: 'a' },
          ],
        },
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] },
        { type: 'function_call', call_id: 'c1', name: 'add', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: '4' }] },
        { role: 'assistant', content: [{ type: 'output_text', text: 'four' }] },
        { role: 'developer', content: 'go on' },
      ],
      tools: [{ type: 'function', name: 'add', description: 'adds', parameters: schema, strict: false }],
      tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'add' }] },
      parallel_tool_calls: true,
      text: { format: { type: 'json_schema', name: 'a', schema, strict: true }, verbosity: 'low' },
      reasoning: { effort: 'low', summary: 'auto' },
      max_output_tokens: 5,
      temperature: 1,
      top_p: 1,
      store: true,
      previous_response_id: null,
      metadata: { a: 'b' },
      user: 'u',
      truncation: 'auto',
      include: ['x'],
      background: false,
      conversation: null,
      prompt: null,
      cache: { ttl: 1 },
      fallbacks: ['x'],
      num_retries: 1,
      timeout: 1,
      tags: ['a'],
    },
  },
  {
    url: '/v1/messages',
    isError: (body) => isOpenAIError(body) && isJsonObject(body) && body['type'] === 'error',
    body: {
      model: 'fake/fast',
      max_tokens: 5,
      system: [{ type: 'text', text: 'be kind', cache_control: { type: 'ephemeral', ttl: '5m' } }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'hi' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
            { type: 'document', title: 'T', context: 'C', source: { type: 'text', data: 'body' } },
            { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } },
            { type: 'search_result', title: 'T', source: 's', content: [{ type: 'text', text: 'x' }] },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'redacted_thinking', data: 'd' },
            { type: 'text', text: 'calling' },
            { type: 'tool_use', id: 't1', name: 'add', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 't1',
              is_error: false,
              content: [{ type: 'text', text: '4' }],
            },
          ],
        },
      ],
      tools: [{ name: 'add', description: 'adds', input_schema: schema, strict: true }],
      tool_choice: { type: 'tool', name: 'add', disable_parallel_tool_use: true },
      stop_sequences: ['END'],
      temperature: 1,
      top_p: 1,
      top_k: 1,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      metadata: { user_id: 'u', tags: ['a'] },
      output_config: { effort: 'low', format: { type: 'json_schema', schema } },
      mcp_servers: [],
      thread: null,
    },
  },
  ...(['chat', 'generate'] as const).map((form) => ({
    url: `/ollama/api/${form}`,
    isError: isOllamaError,
    body: {
      model: 'fake/fast',
      stream: false,
      format: schema,
      think: 'low',
      keep_alive: '5m',
      options: {
        temperature: 1,
        num_predict: 5,
        top_p: 1,
        seed: 1,
        stop: ['END'],
        num_ctx: 1,
        frequency_penalty: 0,
        presence_penalty: 0,
      },
      ...(form === 'chat'
        ? {
            messages: [
              { role: 'system', content: 'be kind' },
              { role: 'user', content: 'hi', images: ['AA=='] },
              {
                role: 'assistant',
                content: '',
                thinking: 'hm',
                tool_calls: [{ id: 'c', function: { name: 'add', arguments: {} } }],
              },
              { role: 'tool', content: '4', tool_name: 'add', tool_call_id: 'c' },
            ],
            tools: [{ type: 'function', function: { name: 'add', description: 'adds', parameters: schema } }],
          }
        : { prompt: 'hi', system: 'be kind', images: ['AA=='], suffix: '' }),
    },
  })),
  {
    url: '/ollama/api/embed',
    isError: isOllamaError,
    body: { model: 'fake/fast', input: ['a'], dimensions: 3 },
  },
  { url: '/ollama/api/embeddings', isError: isOllamaError, body: { model: 'fake/fast', prompt: 'a' } },
  { url: '/ollama/api/show', isError: isOllamaError, body: { model: 'fake/fast' } },
  {
    url: '/v1/messages/count_tokens',
    isError: isOpenAIError,
    body: { model: 'fake/fast', messages: [{ role: 'user', content: 'hi' }] },
  },
];

/** Every place in a value, as the keys that lead there. */
function placesOf(value: Json, at: readonly string[] = []): readonly (readonly string[])[] {
  const inner = Array.isArray(value)
    ? (value as readonly Json[]).flatMap((item, index) => placesOf(item, [...at, String(index)]))
    : isJsonObject(value)
      ? Object.entries(value).flatMap(([key, item]) => placesOf(item ?? null, [...at, key]))
      : [];
  return at.length === 0 ? inner : [at, ...inner];
}

/** A copy with something else at one place. */
function replaced(value: Json, [key = '', ...rest]: readonly string[], by: Json | undefined): Json {
  if (Array.isArray(value)) {
    const items = [...(value as readonly Json[])];
    const index = Number(key);
    if (rest.length === 0 && by === undefined) items.splice(index, 1);
    else items[index] = rest.length === 0 ? (by as Json) : replaced(items[index] as Json, rest, by);
    return items;
  }
  const fields: Record<string, Json | undefined> = { ...(value as JsonObject) };
  fields[key] = rest.length === 0 ? by : replaced(fields[key] as Json, rest, by);
  return fields;
}

describe('requests that are broken somewhere', () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await openHttpGround();
    ground.gateway.open = (call) => {
      const demand = call.request();
      expect(demand.messages).toBeDefined();
      return Promise.resolve({
        kind: 'events',
        route: fakeRoute,
        events: (async function* () {
          yield { type: 'finish' as const, finishReason: 'stop' as const, usage: noUsage, model: 'fast' };
        })(),
      });
    };
    ground.gateway.embeddings = (call) => ({
      kind: 'vectors',
      route: fakeRoute,
      response: { vectors: call.request().texts.map(() => [1]), model: 'fast', usage: noUsage },
    });
  });
  afterAll(() => ground.app.close());

  const send = (url: string, payload: string, model?: string) =>
    ground.app.inject({
      method: 'POST',
      url,
      headers: { ...asAdmin, 'content-type': 'application/json' },
      payload: model === undefined ? payload : payload.replaceAll('fake/fast', model),
    });

  it.each(doors)(
    '$url answers in its own form, and never with a fault of ours',
    async ({ url, body, isError }) => {
      const good = await send(url, JSON.stringify(body));
      expect([good.statusCode, good.statusCode === 200 ? '' : good.body]).toEqual([200, '']);
      let refused = 0;
      for (const place of placesOf(body))
        for (const by of replacements) {
          const payload = JSON.stringify(replaced(body, place, by));
          // Agents take another way from there on, but the same one to there.
          for (const model of by === undefined || by === null ? ['fake/fast', 'helper'] : ['fake/fast']) {
            const answer = await send(url, payload, model);
            const told = `${model}: ${place.join('.')} = ${(JSON.stringify(by) ?? '').slice(0, 60)} → ${answer.body.slice(0, 300)}`;
            if (answer.statusCode === 200) continue;
            refused += 1;
            expect([400, 403, 404, 413], told).toContain(answer.statusCode);
            expect(isError(answer.json()), told).toBe(true);
          }
        }
      expect(refused).toBeGreaterThan(10);
    },
    120_000,
  );

  it.each(doors)(
    '$url refuses what is no object, no JSON, too deep or too large',
    async ({ url, isError }) => {
      const payloads: readonly (readonly [string, number])[] = [
        ['', 400],
        ['null', 400],
        ['[]', 400],
        ['"x"', 400],
        ['{', 400],
        [`{"model":${'['.repeat(5000)}${']'.repeat(5000)}}`, 400],
        ['{"__proto__":{"a":1}}', 400],
        [JSON.stringify({ model: 'x'.repeat(1_100_000) }), 413],
      ];
      for (const [payload, status] of payloads) {
        const answer = await send(url, payload);
        expect([payload.slice(0, 20), answer.statusCode, answer.body.slice(0, 200)]).toEqual([
          payload.slice(0, 20),
          status,
          expect.any(String),
        ]);
        expect(isError(answer.json()), answer.body).toBe(true);
      }
    },
  );
});
