import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
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

    it('keeps arguments that are no JSON object as they came', async () => {
      harness.reply({ toolCalls: [{ name: 'clock', rawArguments: '{"timezone": "Asia/' }] });
      const events = await eventsOf(harness.provider.stream({ ...request, tools: [clockTool] }, { signal }));
      const call = events.find((event) => event.type === 'tool-call')?.call;
      expect(call).toMatchObject({ name: 'clock', arguments: {}, invalidArguments: '{"timezone": "Asia/' });
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
      expect(error).toMatchObject({ code: 'rate_limited', retryable: true, details: { retryAfterMs: 7000 } });
      expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe('rate_limited');
    });

    whenRemote('tells apart outages, refusals and conversations that are too long', async (fail) => {
      const cases = [
        [500, 'boom', 'model_unavailable'],
        [503, 'overloaded', 'model_unavailable'],
        [400, 'unknown field', 'model_rejected'],
        [401, 'bad key', 'model_rejected'],
        [400, "This model's maximum context length is 8192 tokens.", 'context_window_exceeded'],
      ] as const;
      for (const [status, message, code] of cases) {
        fail({ kind: 'status', status, message }, { kind: 'status', status, message });
        expect((await failureOf(harness.provider.complete(request, { signal }))).code).toBe(code);
        expect(codeOf(await eventsOf(harness.provider.stream(request, { signal })))).toBe(code);
      }
    });

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
