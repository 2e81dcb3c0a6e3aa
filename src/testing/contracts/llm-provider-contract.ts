import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, type JsonObject } from '../../base/index.ts';
import type { LLMProvider, ModelEvent, ModelRequest } from '../../capabilities/models/index.ts';
import type { ModelServerFault } from '../fake-model-server.ts';
import type { FakeTurn } from '../fake-turn.ts';

/** A provider under test and the other side that it talks to. */
export interface ProviderHarness {
  readonly provider: LLMProvider;
  readonly model: string;
  reply(...turns: readonly (string | FakeTurn)[]): void;
  /** Left out by providers that talk to nobody. */
  readonly fail?: (...faults: readonly ModelServerFault[]) => void;
  /** Resolves once the other side has seen the provider leave. */
  readonly untilLeft?: () => Promise<void>;
  /** Bodies that the other side has received at its chat endpoint, in order. */
  readonly received?: () => readonly JsonObject[];
  /** Details of the usage that this dialect tells. */
  readonly usageDetails?: readonly ('cachedInputTokens' | 'cacheWriteTokens' | 'reasoningTokens')[];
  /** Arguments of calls are objects on the wire, so that they cannot be broken. */
  readonly argumentsAreObjects?: boolean;
  /** Does the dialect sign its thinking (`reasoning`), or the calls that follow from it (`calls`)? */
  readonly signs?: 'reasoning' | 'calls';
  stop(): Promise<void>;
}

/** Times that the harness gives to its provider, short enough for tests. */
export const contractTimes = { timeoutMs: 1500, idleTimeoutMs: 250 };

const clockTool = {
  name: 'clock',
  description: 'Tells the time.',
  parameters: { type: 'object', properties: { timezone: { type: 'string' } } },
};

async function eventsOf(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const all: ModelEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

async function failureOf(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw new TypeError(`expected an AppError, got ${String(error)}`);
  return error;
}

const codeOf = (events: readonly ModelEvent[]): string => {
  const last = events.at(-1);
  return last?.type === 'error' ? last.error.code : `no error but ${last?.type ?? 'nothing'}`;
};

/** Behaviour that every model provider has; run it on each, and on your own. */
export function llmProviderContract(name: string, start: () => Promise<ProviderHarness>): void {
  describe(`${name}: model provider`, () => {
    let harness: ProviderHarness;
    let request: ModelRequest;
    const { signal } = new AbortController();
    beforeEach(async () => {
      harness = await start();
      request = { model: harness.model, messages: [{ role: 'user', content: 'Hello' }] };
    });
    afterEach(() => harness.stop());

    it('answers with text, usage and the reason of its end', async () => {
      harness.reply({ text: 'Good day.', usage: { inputTokens: 7, outputTokens: 3 } });
      const answer = await harness.provider.complete(request, { signal });
      expect(answer).toMatchObject({ text: 'Good day.', toolCalls: [], finishReason: 'stop' });
      expect(answer.usage).toMatchObject({ inputTokens: 7, outputTokens: 3 });
    });

    it('streams text in order and ends with finish', async () => {
      harness.reply({
        chunks: ['Good', ' day', ' — schönen Tag 🌍'],
        usage: { inputTokens: 7, outputTokens: 3 },
      });
      const events = await eventsOf(harness.provider.stream(request, { signal }));
      const text = events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
      expect(text).toBe('Good day — schönen Tag 🌍');
      expect(events.at(-1)).toMatchObject({
        type: 'finish',
        finishReason: 'stop',
        usage: { inputTokens: 7, outputTokens: 3 },
      });
      expect(events.filter((event) => event.type === 'finish')).toHaveLength(1);
    });

    it('hands on tool calls with parsed arguments, each with an id of its own', async () => {
      const turn: FakeTurn = {
        toolCalls: [
          { name: 'clock', arguments: { timezone: 'Asia/Tokyo' } },
          { name: 'clock', arguments: {} },
        ],
      };
      harness.reply(turn, turn);
      const streamed = await eventsOf(
        harness.provider.stream({ ...request, tools: [clockTool] }, { signal }),
      );
      const calls = streamed.flatMap((event) => (event.type === 'tool-call' ? [event.call] : []));
      expect(calls.map((call) => [call.name, call.arguments])).toEqual([
        ['clock', { timezone: 'Asia/Tokyo' }],
        ['clock', {}],
      ]);
      expect(new Set(calls.map((call) => call.id)).size).toBe(2);
      expect(streamed.at(-1)).toMatchObject({ type: 'finish', finishReason: 'tool-calls' });
      const whole = await harness.provider.complete({ ...request, tools: [clockTool] }, { signal });
      expect(whole.toolCalls.map((call) => call.arguments)).toEqual([{ timezone: 'Asia/Tokyo' }, {}]);
      expect(whole.finishReason).toBe('tool-calls');
    });

    it('keeps arguments that are no JSON object as they came', async (context) => {
      if (harness.argumentsAreObjects === true) return context.skip('arguments are objects on the wire');
      harness.reply({ toolCalls: [{ name: 'clock', rawArguments: '{"timezone": "Asia/' }] });
      const events = await eventsOf(harness.provider.stream({ ...request, tools: [clockTool] }, { signal }));
      const call = events.find((event) => event.type === 'tool-call')?.call;
      expect(call).toMatchObject({ name: 'clock', arguments: {}, invalidArguments: '{"timezone": "Asia/' });
      return undefined;
    });

    it('keeps reasoning apart from the answer', async () => {
      harness.reply({ reasoning: 'They greet me.', text: 'Hello.' });
      const events = await eventsOf(harness.provider.stream(request, { signal }));
      expect(events.find((event) => event.type === 'reasoning-delta')).toMatchObject({
        text: 'They greet me.',
      });
      expect(events.find((event) => event.type === 'text-delta')).toMatchObject({ text: 'Hello.' });
    });

    it('says when the answer was cut by the limit of tokens', async () => {
      harness.reply({ text: 'Once upon', finishReason: 'length' });
      expect(await harness.provider.complete(request, { signal })).toMatchObject({ finishReason: 'length' });
    });

    it('carries a conversation with tool calls and results', async () => {
      harness.reply('It is noon.');
      const answer = await harness.provider.complete(
        {
          ...request,
          tools: [clockTool],
          messages: [
            { role: 'system', content: 'Be brief.' },
            { role: 'user', content: [{ type: 'text', text: 'What time is it?' }] },
            { role: 'assistant', content: '', toolCalls: [{ id: 'call_a', name: 'clock', arguments: {} }] },
            { role: 'tool', toolCallId: 'call_a', name: 'clock', content: '12:00' },
          ],
        },
        { signal },
      );
      expect(answer.text).toBe('It is noon.');
    });

    it('tells what of the usage was cached, put into the cache and thought', async (context) => {
      const { usageDetails = [] } = harness;
      if (usageDetails.length === 0) return context.skip('its dialect tells no details');
      const all = { cachedInputTokens: 4, cacheWriteTokens: 3, reasoningTokens: 2 };
      const details = Object.fromEntries(usageDetails.map((name) => [name, all[name]]));
      const turn: FakeTurn = { text: 'Yes.', usage: { inputTokens: 20, outputTokens: 9, ...details } };
      harness.reply(turn, turn);
      const whole = await harness.provider.complete(request, { signal });
      expect(whole.usage).toEqual({ inputTokens: 20, outputTokens: 9, costUsd: null, ...details });
      const events = await eventsOf(harness.provider.stream(request, { signal }));
      expect(events.at(-1)).toMatchObject({ usage: whole.usage });
      return undefined;
    });

    it('sends fields on that it has no word for', async (context) => {
      const { received } = harness;
      if (received === undefined) return context.skip('talks to nobody');
      const extra = { field_of_its_own: { kept: ['as', 'it', 'is'] } };
      await harness.provider.complete({ ...request, extra }, { signal });
      await eventsOf(harness.provider.stream({ ...request, extra }, { signal }));
      for (const body of received())
        expect(JSON.stringify(body)).toContain('"field_of_its_own":{"kept":["as","it","is"]}');
      return undefined;
    });

    it('gives back what the provider signed, in the next round of the tools', async (context) => {
      const { received, signs } = harness;
      if (received === undefined || signs === undefined) return context.skip('its dialect signs nothing');
      const turn: FakeTurn = { reasoning: 'I need the time.', toolCalls: [{ name: 'clock', id: 'call_a' }] };
      harness.reply(turn, turn);
      const whole = await harness.provider.complete({ ...request, tools: [clockTool] }, { signal });
      const events = await eventsOf(harness.provider.stream({ ...request, tools: [clockTool] }, { signal }));
      const end = events.at(-1);
      if (end?.type !== 'finish') throw new TypeError('the stream has no end');
      if (signs === 'reasoning') expect(end.reasoningParts).toEqual(whole.reasoningParts);
      const [call] = whole.toolCalls;
      const streamed = events.flatMap((event) => (event.type === 'tool-call' ? [event.call] : []));
      expect(streamed[0]?.providerData).toEqual(call?.providerData);
      const { reasoningParts } = whole;
      await harness.provider.complete(
        {
          ...request,
          tools: [clockTool],
          messages: [
            ...request.messages,
            {
              role: 'assistant',
              content: '',
              toolCalls: whole.toolCalls,
              ...(reasoningParts === undefined ? {} : { reasoningParts }),
            },
            { role: 'tool', toolCallId: call?.id ?? '', name: 'clock', content: '12:00' },
          ],
        },
        { signal },
      );
      const sent = JSON.stringify(received().at(-1));
      expect(sent).toContain(signs === 'calls' ? 'c2lnbmVk' : '"signature":"fake"');
      if (signs === 'reasoning') expect(sent).toContain('I need the time.');
      return undefined;
    });

    it('embeds texts in their order, however many, and counts their tokens', async (context) => {
      const { embed } = harness.provider;
      if (embed === undefined) return context.skip('has no embeddings');
      expect(harness.provider.capabilities.embeddings).toBe(true);
      const texts = Array.from({ length: 260 }, (_one, index) => 'x'.repeat(index + 1));
      const { model } = harness;
      const { vectors } = await embed.call(harness.provider, { model, texts }, { signal });
      expect(vectors.map(([length]) => length)).toEqual(texts.map((text) => text.length));
      const none = await embed.call(harness.provider, { model, texts: [] }, { signal });
      expect(none).toMatchObject({ vectors: [], usage: { inputTokens: 0 } });
      const aborted = embed.call(
        harness.provider,
        { model, texts },
        { signal: AbortSignal.abort(new Error('no')) },
      );
      await expect(aborted).rejects.toThrow('no');
      return undefined;
    });

    it('ranks documents, best first', async (context) => {
      const { rerank } = harness.provider;
      if (rerank === undefined) return context.skip('has no ranking');
      const asked = { model: harness.model, query: 'which?', documents: ['bb', 'a', 'dddd', 'ccc'] };
      const { results } = await rerank.call(harness.provider, { ...asked, top: 4 }, { signal });
      expect(results.map(({ index }) => index)).toEqual([2, 3, 0, 1]);
      expect(results[0]?.score).toBeGreaterThan(results[1]?.score ?? 1);
      return undefined;
    });

    it('rejects with the reason of its signal, before and during the call', async () => {
      const reason = new Error('nobody waits any more');
      await expect(harness.provider.complete(request, { signal: AbortSignal.abort(reason) })).rejects.toBe(
        reason,
      );
      harness.reply({ hang: true });
      const controller = new AbortController();
      const answer = harness.provider.complete(request, { signal: controller.signal });
      controller.abort(reason);
      await expect(answer).rejects.toBe(reason);
    });

    it('ends a stream with one error event when it is aborted', async () => {
      harness.reply({ hang: true });
      const controller = new AbortController();
      const events = eventsOf(harness.provider.stream(request, { signal: controller.signal }));
      controller.abort(new Error('enough'));
      expect((await events).map((event) => event.type)).toEqual(['error']);
      expect(codeOf(await events)).toBe('cancelled');
    });

    it('lists its models', async () => {
      const models = await harness.provider.listModels({ signal });
      expect(models.length).toBeGreaterThan(0);
      expect(models.every((model) => model.provider === harness.provider.name && model.id !== '')).toBe(true);
    });

    const whenRemote = (
      what: string,
      test: (fail: NonNullable<ProviderHarness['fail']>) => Promise<void>,
    ): void => {
      it(what, async (context) => {
        const { fail } = harness;
        if (fail === undefined) return context.skip('talks to nobody');
        return test(fail);
      });
    };

    whenRemote('reports a limit of the rate with the time to wait', async (fail) => {
      fail({ kind: 'rate-limit', retryAfter: '7' }, { kind: 'rate-limit', retryAfter: '7' });
      const error = await failureOf(harness.provider.complete(request, { signal }));
      expect(error).toMatchObject({
        code: 'rate_limited',
        retryable: true,
        details: { retryAfterMs: 7000, status: 429 },
      });
      expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe('rate_limited');
    });

    whenRemote(
      'tells apart outages, refusals, forbidden content and conversations that are too long, each with its status',
      async (fail) => {
        const cases = [
          [500, 'boom', 'model_unavailable'],
          [503, 'overloaded', 'model_unavailable'],
          [400, 'unknown field', 'model_rejected'],
          [401, 'bad key', 'model_rejected'],
          [400, "This model's maximum context length is 8192 tokens.", 'context_window_exceeded'],
          [400, 'Output blocked by content filtering policy', 'content_blocked'],
        ] as const;
        for (const [status, message, code] of cases) {
          fail({ kind: 'status', status, message }, { kind: 'status', status, message });
          const error = await failureOf(harness.provider.complete(request, { signal }));
          expect(error).toMatchObject({ code, details: { status } });
          expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe(code);
        }
      },
    );

    whenRemote('makes an unreadable answer an upstream error', async (fail) => {
      fail(
        { kind: 'wrong-content-type' },
        { kind: 'wrong-content-type' },
        { kind: 'garbage', afterPieces: 1, text: 'data: {oops\n\n' },
      );
      expect((await failureOf(harness.provider.complete(request, { signal }))).code).toBe('upstream_error');
      expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe('upstream_error');
      harness.reply({ chunks: ['a', 'b', 'c'] });
      expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe('upstream_error');
    });

    whenRemote('hands on what came before the connection was cut, then the error', async (fail) => {
      // Ollama sends no opening part, the others send one or two.
      fail({ kind: 'cut', afterPieces: 4 });
      harness.reply({ chunks: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] });
      const events = await eventsOf(harness.provider.stream(request, { signal }));
      expect(events[0]).toEqual({ type: 'text-delta', text: 'a' });
      expect(codeOf(events)).toBe('upstream_error');
    });

    whenRemote('reports a connection that breaks before the answer as unavailable', async (fail) => {
      fail({ kind: 'reset' }, { kind: 'reset' });
      expect((await failureOf(harness.provider.complete(request, { signal }))).code).toBe(
        'model_unavailable',
      );
      expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe('model_unavailable');
    });

    whenRemote('ends with the error that is reported within a stream', async (fail) => {
      fail({ kind: 'error-event', afterPieces: 3, message: 'the model has crashed' });
      harness.reply({ chunks: ['a', 'b', 'c', 'd'] });
      const last = (await eventsOf(harness.provider.stream(request, { signal }))).at(-1);
      expect(last).toMatchObject({ type: 'error' });
      expect(last?.type === 'error' && last.error.message).toContain('the model has crashed');
    });

    whenRemote('does not wait for ever: silence and endless answers run into a time-out', async (fail) => {
      fail({ kind: 'silent', afterPieces: 4 });
      harness.reply({ chunks: ['a', 'b', 'c', 'd', 'e', 'f'] });
      expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe('timeout');
      fail({ kind: 'never-ending', everyMs: 20 });
      expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe('timeout');
    });

    whenRemote('says in words that nobody is there', async () => {
      await harness.stop();
      const error = await failureOf(harness.provider.complete(request, { signal }));
      expect(error.code).toBe('model_unavailable');
      expect(error.message).toMatch(/127\.0\.0\.1:\d+.* refused the connection/);
      expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe('model_unavailable');
      expect((await failureOf(harness.provider.listModels({ signal }))).code).toBe('model_unavailable');
    });

    whenRemote('closes the upstream connection when the reader leaves', async (fail) => {
      fail({ kind: 'never-ending', everyMs: 20 });
      for await (const event of harness.provider.stream(request, { signal })) {
        if (event.type === 'text-delta') break;
      }
      await harness.untilLeft?.();
    });
  });
}
