import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError, type Json, type JsonObject } from '../../../base/index.ts';
import { plainDeployment } from '../../../testing/direct-gateway.ts';
import type { ForwardRequest, LLMProvider, WireShape } from '../provider.ts';
import { beginBytes } from './begin-bytes.ts';

type Part = string | Buffer | { readonly breaks: Error };

/** A provider whose upstream sends these parts. */
function upstream(parts: readonly Part[], contentType = 'text/event-stream') {
  const asked: ForwardRequest[] = [];
  let destroyed = false;
  const provider = {
    name: 'fake',
    wireShapes: ['openai-chat', 'anthropic-messages', 'openai-responses', 'openai-embeddings'],
    forward: (request: ForwardRequest) => {
      asked.push(request);
      const body = Readable.from(
        (async function* () {
          for (const part of parts) {
            await new Promise((resolve) => {
              setImmediate(resolve);
            });
            if (typeof part === 'object' && 'breaks' in part) throw part.breaks;
            yield Buffer.from(part);
          }
        })(),
        { objectMode: false },
      );
      body.once('close', () => {
        destroyed = true;
      });
      return Promise.resolve({
        status: 200,
        contentType,
        headers: {},
        body,
        toError: (report: Json) => new AppError('rate_limited', `reported ${JSON.stringify(report)}`),
      });
    },
  } as unknown as LLMProvider;
  return { provider, asked, destroyed: () => destroyed };
}

async function open(
  parts: readonly Part[],
  options: { stream?: boolean; shape?: WireShape; json?: JsonObject; signal?: AbortSignal } = {},
) {
  const { stream = true, shape = 'openai-chat', json = { model: 'chat' } } = options;
  const fake = upstream(parts);
  const begun = await beginBytes(
    {
      deployment: plainDeployment(fake.provider, 'real'),
      provider: fake.provider,
      params: {},
      maxOutputTokens: undefined,
      signal: options.signal ?? new AbortController().signal,
      attempt: 1,
    },
    { shape, body: Buffer.from(JSON.stringify(json)), json },
    { stream, inputTokens: () => 11 },
  );
  return { ...begun, ...fake };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const failureOf = (work: Promise<unknown>): Promise<AppError> =>
  work.then(
    () => expect.fail('began'),
    (error: unknown) => error as AppError,
  );

const chunk = (delta: JsonObject, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', model: 'gpt-real', choices: [{ index: 0, delta, finish_reason: finish }], usage: null })}\n\n`;
const usage = {
  prompt_tokens: 20,
  completion_tokens: 5,
  total_tokens: 25,
  prompt_tokens_details: { cached_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
const usageChunk = `data: ${JSON.stringify({ id: 'c', model: 'gpt-real', choices: [], usage })}\n\n`;
const answer = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Grüße "\\' }),
  chunk({}, 'stop'),
];
const done = 'data: [DONE]\n\n';
const withUsage = { stream_options: { include_usage: true } };
const ours = {
  inputTokens: 20,
  outputTokens: 5,
  costUsd: null,
  cachedInputTokens: 8,
  reasoningTokens: 3,
};

/** Cuts bytes anywhere. */
const cuts = (bytes: Buffer) =>
  fc
    .oneof(fc.constant(1), fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 300 }))
    .chain((size) => fc.integer({ min: 0, max: 20 }).map((first) => ({ size, first })))
    .map(({ size, first }) => {
      const parts = first === 0 ? [] : [bytes.subarray(0, first)];
      for (let at = first; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
      return parts;
    });

describe('a stream that is passed on', () => {
  it('comes as it was, cut anywhere, whatever its line ends; usage and reason are read from it', async () => {
    const lineEnds = fc.constantFrom('\n', '\r\n');
    await fc.assert(
      fc.asyncProperty(
        lineEnds,
        fc.boolean(),
        fc.boolean(),
        fc.infiniteStream(fc.nat()),
        async (lineEnd, asks, comments, seeds) => {
          const shown = [...(comments ? [': thinking\n\n'] : []), ...answer];
          const whole = [...shown, usageChunk, done].join('').replaceAll('\n', lineEnd);
          const expected = [...shown, ...(asks ? [usageChunk] : []), done].join('').replaceAll('\n', lineEnd);
          const [seed = 0] = seeds.take(1);
          const [parts = []] = fc.sample(cuts(Buffer.from(whole)), { numRuns: 1, seed });
          const {
            value,
            done: outcome,
            asked,
          } = await open(parts, { json: { model: 'chat', ...(asks ? withUsage : {}) } });
          expect(await textOf(value.body)).toBe(expected);
          expect(await outcome).toEqual({ status: 'ok', usage: ours, estimated: false });
          expect(asked[0]).toMatchObject({ model: 'real', stream: true, overrides: {} });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('counts what was said where nobody tells the usage', async () => {
    const { value, done: outcome } = await open([
      chunk({ content: 'x'.repeat(39) }),
      chunk({ reasoning_content: 'y' }),
      done,
    ]);
    await textOf(value.body);
    expect(await outcome).toEqual({
      status: 'ok',
      usage: { inputTokens: 11, outputTokens: 10, costUsd: null },
      estimated: true,
    });
  });

  it('does not begin with an error report, a page, nothing, or something else', async () => {
    const report = 'data: {"error":{"message":"too many","code":429}}\n\n';
    expect((await failureOf(open([': hi\n\n', report]))).code).toBe('rate_limited');
    expect((await failureOf(open(['{"error":{"message":"no"}}']))).message).toContain('reported');
    for (const parts of [
      ['<!doctype html><p>Sign in</p>'],
      ['<', 'html>'],
      [],
      ['\n\n'],
      [': only a comment\n\n'],
      ['nonsense without end'],
      [{ breaks: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }) }],
    ])
      expect((await failureOf(open(parts))).code).toBe('upstream_error');
  });

  it('tells of a break in the middle as its last event, after whole events only', async () => {
    const torn = chunk({ content: 'more' }).slice(0, 20);
    const breaks = { breaks: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) };
    for (const parts of [
      [...answer.slice(0, 2), torn, breaks],
      [...answer.slice(0, 2), torn],
      answer.slice(0, 2),
    ]) {
      const { value, done: outcome } = await open(parts);
      const text = await textOf(value.body);
      expect(text.startsWith(answer.slice(0, 2).join(''))).toBe(true);
      expect(JSON.parse(text.slice(answer.slice(0, 2).join('').length + 6))).toMatchObject({
        error: { code: 'upstream_error', type: 'server_error' },
      });
      expect(await outcome).toMatchObject({
        status: 'upstream_error',
        estimated: true,
        usage: { outputTokens: 3 },
      });
    }
  });

  it('passes a report in the middle on and calls the answer failed', async () => {
    const report = 'data: {"error":{"message":"overloaded"}}\n\n';
    const { value, done: outcome } = await open([...answer.slice(0, 2), report]);
    expect(await textOf(value.body)).toBe([...answer.slice(0, 2), report].join(''));
    expect((await outcome).status).toBe('upstream_error');
  });

  it('is whole once it has said so, whatever comes after', async () => {
    const { value, done: outcome } = await open([
      ...answer,
      usageChunk,
      done,
      { breaks: new Error('reset') },
    ]);
    expect(await textOf(value.body)).toBe([...answer, done].join(''));
    expect(await outcome).toEqual({ status: 'ok', usage: ours, estimated: false });
  });

  it('lets go of the upstream when its reader leaves or the call is aborted', async () => {
    const left = await open([
      ...answer,
      ...Array.from({ length: 50 }, () => chunk({ content: 'abcd' })),
      done,
    ]);
    for await (const piece of left.value.body) if (piece.length > 0) break;
    expect((await left.done).status).toBe('cancelled');
    await expect.poll(left.destroyed).toBe(true);

    const controller = new AbortController();
    const aborted = await open([...answer.slice(0, 2), ...answer], { signal: controller.signal });
    controller.abort(new AppError('cancelled', 'gone'));
    expect(await aborted.done).toMatchObject({ status: 'cancelled', usage: { inputTokens: 11 } });
    await expect.poll(aborted.destroyed).toBe(true);
    expect(await textOf(aborted.value.body)).toBe(answer[0]);
  });

  it('says so when its time is over: a part is not taken for the whole', async () => {
    const controller = new AbortController();
    const late = await open([...answer.slice(0, 2), ...answer], { signal: controller.signal });
    controller.abort(new DOMException('no answer within 5 ms', 'TimeoutError'));
    expect(await late.done).toMatchObject({ status: 'timeout' });
    const text = await textOf(late.value.body);
    expect(text.startsWith(answer[0] ?? '')).toBe(true);
    expect(JSON.parse(text.slice(answer[0]?.length).trim().slice(6))).toMatchObject({
      error: { code: 'timeout' },
    });
  });

  it('passes events that are too long to be held on as they come', async () => {
    const long = chunk({ content: 'z'.repeat(600_000) });
    const bytes = Buffer.from([...answer, long, usageChunk, done].join(''));
    const parts = Array.from({ length: Math.ceil(bytes.length / 60_000) }, (_, index) =>
      bytes.subarray(index * 60_000, (index + 1) * 60_000),
    );
    const { value, done: outcome } = await open(parts);
    const text = await textOf(value.body);
    expect(text).toContain(long);
    expect((await outcome).usage).toEqual(ours);
  });

  it('becomes a stream where the upstream answers as a whole', async () => {
    const message = {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
    };
    const whole = JSON.stringify({
      id: 'c',
      object: 'chat.completion',
      model: 'm',
      choices: [{ index: 0, message, finish_reason: 'tool_calls' }],
      usage,
    });
    const { value, done: outcome } = await open([whole.slice(0, 10), whole.slice(10)]);
    const events = (await textOf(value.body)).split('\n\n').map((event) => event.slice(6));
    expect(value.contentType).toContain('text/event-stream');
    expect(JSON.parse(events[0] ?? '')).toMatchObject({
      choices: [{ delta: { tool_calls: [{ index: 0, id: 'a' }] }, finish_reason: null }],
    });
    expect(events.slice(2)).toEqual(['[DONE]', '']);
    expect(await outcome).toEqual({ status: 'ok', usage: ours, estimated: false });
  });

  it('of the Messages API tells the input at its beginning and the output at its end', async () => {
    const event = (data: JsonObject): string =>
      `event: ${String(data['type'])}\ndata: ${JSON.stringify(data)}\n\n`;
    const parts = [
      event({
        type: 'message_start',
        message: {
          model: 'claude',
          usage: {
            input_tokens: 3,
            cache_read_input_tokens: 4,
            cache_creation_input_tokens: 5,
            output_tokens: 1,
          },
        },
      }),
      event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hello' } }),
      event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }),
      event({ type: 'message_stop' }),
    ];
    const { value, done: outcome } = await open(parts, { shape: 'anthropic-messages' });
    expect(await textOf(value.body)).toBe(parts.join(''));
    expect(await outcome).toEqual({
      status: 'ok',
      usage: { inputTokens: 12, outputTokens: 9, costUsd: null, cachedInputTokens: 4, cacheWriteTokens: 5 },
      estimated: false,
    });
    const cut = await open(parts.slice(0, 2), { shape: 'anthropic-messages' });
    expect(await textOf(cut.value.body)).toContain('event: error\ndata: {"type":"error"');
    const overloaded = event({ type: 'error', error: { type: 'overloaded_error', message: 'busy' } });
    expect((await failureOf(open([overloaded], { shape: 'anthropic-messages' }))).code).toBe('rate_limited');
  });

  it('of the Responses API tells the usage with its last event', async () => {
    const event = (data: JsonObject): string =>
      `event: ${String(data['type'])}\ndata: ${JSON.stringify(data)}\n\n`;
    const parts = [
      event({ type: 'response.created', response: { model: 'gpt', usage: null, error: null } }),
      event({ type: 'response.output_text.delta', delta: 'hello' }),
      event({
        type: 'response.completed',
        response: {
          status: 'completed',
          usage: {
            input_tokens: 20,
            input_tokens_details: { cached_tokens: 8 },
            output_tokens: 5,
            output_tokens_details: { reasoning_tokens: 3 },
          },
        },
      }),
    ];
    const { value, done: outcome } = await open(parts, { shape: 'openai-responses' });
    expect(await textOf(value.body)).toBe(parts.join(''));
    expect(await outcome).toEqual({ status: 'ok', usage: ours, estimated: false });
  });
});

describe('a whole answer that is passed on', () => {
  const whole = JSON.stringify({
    id: 'c',
    choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }],
    usage,
  });

  it('begins when all of it is there', async () => {
    const { value, done: outcome } = await open([whole.slice(0, 30), whole.slice(30)], { stream: false });
    expect(await textOf(value.body)).toBe(whole);
    expect(await outcome).toEqual({ status: 'ok', usage: ours, estimated: false });
  });

  it('does not begin with half of it, a report, a page or nothing', async () => {
    expect((await failureOf(open(['{"error":"no"}'], { stream: false }))).code).toBe('rate_limited');
    for (const parts of [
      [],
      [whole.slice(0, 30)],
      ['<html>'],
      [whole.slice(0, 9), { breaks: new Error('reset') }],
    ])
      expect((await failureOf(open(parts, { stream: false }))).code).toBe('upstream_error');
  });

  it('is passed on while it comes when it is long, and tells its usage all the same', async () => {
    const long = JSON.stringify({
      data: [{ embedding: Array.from({ length: 20 }, () => 'x'.repeat(500_000)) }],
      usage: { prompt_tokens: 6, total_tokens: 6 },
    });
    const parts = Array.from({ length: Math.ceil(long.length / 1_000_000) }, (_, index) =>
      long.slice(index * 1_000_000, (index + 1) * 1_000_000),
    );
    const { value, done: outcome } = await open(parts, { stream: false, shape: 'openai-embeddings' });
    expect(await textOf(value.body)).toBe(long);
    expect(await outcome).toEqual({
      status: 'ok',
      usage: { inputTokens: 6, outputTokens: 0, costUsd: null },
      estimated: false,
    });
  });
});
