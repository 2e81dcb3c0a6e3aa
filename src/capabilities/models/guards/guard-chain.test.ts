import { describe, expect, it } from 'vitest';
import { AppError } from '../../../base/index.ts';
import { createMetrics } from '../../../platform/observability/index.ts';
import { projectModels, systemScope } from '../../../protocol/index.ts';
import { createMemoryLogger } from '../../../testing/memory-logger.ts';
import { FakeClock } from '../../../testing/fake-clock.ts';
import type { ModelEvent } from '../provider.ts';
import type { Guard } from './guard.ts';
import { createLiveGuards } from './live-guards.ts';

const key = ['sk-', 'Ab12Cd34Ef56Gh78Ij90Kl12Mn34'].join('');
const caller = { scope: systemScope, requestId: 'req' };
const { signal } = new AbortController();
const finish: ModelEvent = {
  type: 'finish',
  finishReason: 'stop',
  usage: { inputTokens: 1, outputTokens: 2, costUsd: null },
  model: 'm',
};

function open(guards: unknown, plugins: readonly Guard[] = []) {
  const clock = new FakeClock();
  let settings = projectModels.parse({ guards }).guards;
  const chain = createLiveGuards({
    clock,
    logger: createMemoryLogger(),
    metrics: createMetrics({ version: 't', processMetrics: false }),
    settings: () => settings,
    plugins,
  });
  return {
    clock,
    chain,
    change: (next: unknown) => {
      settings = projectModels.parse({ guards: next }).guards;
    },
    async answer(...events: readonly ModelEvent[]) {
      const state = { left: false, pulled: 0 };
      async function* source(): AsyncGenerator<ModelEvent> {
        try {
          for (const event of [...events, finish]) {
            state.pulled += 1;
            yield event;
          }
        } finally {
          state.left = true;
        }
      }
      const seen: ModelEvent[] = [];
      for await (const event of chain().output(source(), caller, signal)) seen.push(event);
      return { seen, ...state };
    },
    ask: (content: string) => chain().input({ messages: [{ role: 'user', content }] }, caller, signal),
  };
}

const text = (value: string): ModelEvent => ({ type: 'text-delta', text: value });
const errorOf = (events: readonly ModelEvent[]): AppError | undefined => {
  const last = events.at(-1);
  return last?.type === 'error' ? last.error : undefined;
};
const failure = (work: Promise<unknown>): Promise<AppError> =>
  work.then(
    () => expect.fail('passed'),
    (error: unknown) => error as AppError,
  );

describe('guards of what is asked', () => {
  it('rewrite every text, and nothing that holds things together', async () => {
    const { chain } = open({ input: ['secrets'] });
    const image = `data:image/png;base64,${key}`;
    const { request, changed } = await chain().input(
      {
        messages: [
          { role: 'system', content: key },
          {
            role: 'user',
            content: [
              { type: 'text', text: key },
              { type: 'image', url: image },
            ],
          },
          {
            role: 'assistant',
            content: '',
            toolCalls: [{ id: key, name: 'f', arguments: { a: [key], n: 1 } }],
          },
          { role: 'tool', toolCallId: key, name: 'f', content: `is ${key}` },
        ],
        tools: [{ name: 'f', description: key, parameters: { type: 'object', default: key } }],
        extra: { prediction: { content: key } },
        settings: { temperature: 1 },
      },
      caller,
      signal,
    );
    expect(changed).toBe(true);
    expect(request).toEqual({
      messages: [
        { role: 'system', content: '[redacted]' },
        {
          role: 'user',
          content: [
            { type: 'text', text: '[redacted]' },
            { type: 'image', url: image },
          ],
        },
        {
          role: 'assistant',
          content: '',
          toolCalls: [{ id: key, name: 'f', arguments: { a: ['[redacted]'], n: 1 } }],
        },
        { role: 'tool', toolCallId: key, name: 'f', content: 'is [redacted]' },
      ],
      tools: [
        { name: 'f', description: '[redacted]', parameters: { type: 'object', default: '[redacted]' } },
      ],
      extra: { prediction: { content: '[redacted]' } },
      settings: { temperature: 1 },
    });
    const harmless = { messages: [{ role: 'user' as const, content: 'hello' }] };
    expect(await chain().input(harmless, caller, signal)).toEqual({ request: harmless, changed: false });
    expect((await chain().input(harmless, caller, signal)).request).toBe(harmless);
  });

  it('rewrite texts that become vectors', async () => {
    const { chain } = open({ input: [{ pii: { kinds: ['email'] } }] });
    expect(await chain().texts(['a@b.io', 'x'], caller, signal)).toEqual({
      texts: ['[email]', 'x'],
      changed: true,
    });
    expect(await chain().texts(['x'], caller, signal)).toEqual({ texts: ['x'], changed: false });
  });

  it('stop what is too long, forbidden or secret, and say which guard it was', async () => {
    for (const [guard, asked, name] of [
      [{ maxBytes: 4 }, 'ääa', 'maxBytes'],
      [{ maxTokens: 5 }, 'one two three four five six seven', 'maxTokens'],
      [{ blockWords: ['Voldemort'] }, 'said voldemort.', 'blockWords'],
      [{ blockWords: { patterns: ['^a+$'] } }, 'aaa', 'blockWords'],
      [{ secrets: { action: 'block' } }, key, 'secrets'],
      [{ pii: { action: 'block' } }, 'a@b.io', 'pii'],
    ] as const) {
      const { ask } = open({ input: [guard] });
      const error = await failure(ask(asked));
      expect(error.code).toBe('content_blocked');
      expect(error.details).toMatchObject({ guard: name });
      expect(error.message).not.toContain(asked);
      expect((await ask('ok')).changed).toBe(false);
    }
  });
});

describe('guards of plugins', () => {
  it('run in their order, each on what the one before it let through', async () => {
    const seen: string[] = [];
    const adding = (name: string): Guard => ({
      name,
      input: (request) => {
        seen.push(name);
        const messages = [...request.messages, { role: 'user' as const, content: name }];
        return Promise.resolve({ action: 'transform', value: { ...request, messages } });
      },
    });
    const { ask } = open({ input: ['secrets', { guard: { name: 'b' } }] }, [adding('a'), adding('b')]);
    const { request } = await ask(key);
    expect(request.messages.map(({ content }) => content)).toEqual(['[redacted]', 'b', 'a']);
    expect(seen).toEqual(['b', 'a']);
  });

  it('that fail, are late or are not there stop the call, unless their place says otherwise', async () => {
    const failing: Guard = { name: 'failing', input: () => Promise.reject(new Error(`about ${key}`)) };
    const error = await failure(open(undefined, [failing]).ask('x'));
    expect(error.code).toBe('content_blocked');
    expect(error.message).not.toContain(key);
    const allowed = { input: [{ guard: { name: 'failing', onError: 'allow' } }] };
    expect((await open(allowed, [failing]).ask('x')).changed).toBe(false);

    let aborted = false;
    const late: Guard = {
      name: 'late',
      timeoutMs: 100,
      input: (_request, context) => {
        context.signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      },
    };
    const ground = open(undefined, [late]);
    const waiting = failure(ground.ask('x'));
    await ground.clock.advance(100);
    expect((await waiting).code).toBe('content_blocked');
    expect(aborted).toBe(true);

    expect((await failure(open({ input: [{ guard: { name: 'nobody' } }] }).ask('x'))).code).toBe(
      'content_blocked',
    );
    expect((await failure(open({ input: [{ blockWords: { patterns: ['('] } }] }).ask('x'))).code).toBe(
      'content_blocked',
    );
  });
});

describe('guards of what is answered', () => {
  it('see a secret that comes in pieces, in text, thinking and arguments of tools', async () => {
    const { answer } = open({ output: ['secrets'] });
    const { seen } = await answer(
      { type: 'reasoning-delta', text: `so ${key.slice(0, 9)}` },
      { type: 'reasoning-delta', text: `${key.slice(9)} it` },
      text('Your '),
      text(`key is ${key.slice(0, 5)}`),
      text(`${key.slice(5)}. Bye`),
      {
        type: 'tool-call',
        call: { id: 'c', name: 'f', arguments: { a: [{ b: key }] }, invalidArguments: `{${key}` },
      },
    );
    const joined = (type: 'text-delta' | 'reasoning-delta'): string =>
      seen.map((event) => (event.type === type ? event.text : '')).join('');
    expect(joined('reasoning-delta')).toBe('so [redacted] it');
    expect(joined('text-delta')).toBe('Your key is [redacted]. Bye');
    expect(seen.at(-2)).toEqual({
      type: 'tool-call',
      call: { id: 'c', name: 'f', arguments: { a: [{ b: '[redacted]' }] }, invalidArguments: '{[redacted]' },
    });
    expect(seen.at(-1)).toEqual(finish);
    // All thinking comes before the text, as it was.
    const types = seen.map(({ type }) => type);
    expect(types.lastIndexOf('reasoning-delta')).toBeLessThan(types.indexOf('text-delta'));
  });

  it('do not let the end repeat what they took out', async () => {
    const { chain } = open({ output: ['secrets'] });
    async function* source(): AsyncGenerator<ModelEvent> {
      yield text('ok');
      yield { ...finish, reasoningParts: [{ text: key }], extra: { logprobs: [] } } as ModelEvent;
    }
    const seen: ModelEvent[] = [];
    for await (const event of chain().output(source(), caller, signal)) seen.push(event);
    expect(JSON.stringify(seen)).not.toContain(key);
  });

  it('end the answer where they stop it, let go of the upstream, and nothing of it was seen', async () => {
    const { answer } = open({ output: [{ blockWords: ['voldemort'] }, { maxBytes: 1000 }] });
    const { seen, left, pulled } = await answer(
      text('it is vol'),
      text('demort, '),
      text('you see'),
      text('no'),
    );
    expect(seen.map((event) => (event.type === 'text-delta' ? event.text : event.type))).toEqual([
      'it is ',
      'error',
    ]);
    expect(errorOf(seen)?.code).toBe('content_blocked');
    expect(left).toBe(true);
    expect(pulled).toBe(2);

    const long = await answer(...Array.from({ length: 20 }, () => text('x'.repeat(100))));
    expect(errorOf(long.seen)?.details).toMatchObject({ guard: 'maxBytes' });
    expect(long.pulled).toBe(11);
  });

  it('of plugins see all of it, and it is seen after that', async () => {
    const shouting: Guard = {
      name: 'shouting',
      output: (answer) =>
        answer.text === 'bad'
          ? { action: 'block', reason: 'bad' }
          : answer.text === 'as it is'
            ? { action: 'allow' }
            : { action: 'transform', value: { ...answer, text: answer.text.toUpperCase() } },
    };
    const { answer } = open(undefined, [shouting]);
    expect((await answer(text('he'), text('llo'))).seen).toEqual([text('HELLO'), finish]);
    expect((await answer(text('as it '), text('is'))).seen).toEqual([text('as it '), text('is'), finish]);
    const blocked = await answer(text('ba'), text('d'));
    expect(blocked.seen).toHaveLength(1);
    expect(errorOf(blocked.seen)?.code).toBe('content_blocked');
    const broken: ModelEvent = { type: 'error', error: new AppError('upstream_error', 'broke') };
    expect((await answer(text('ba'), broken)).seen.map(({ type }) => type)).toEqual(
      ['error', 'finish'].slice(0, 1),
    );
  });
});

it('other settings are another chain; the same are the same', () => {
  const { chain, change } = open(undefined);
  expect(chain().guardsInput || chain().guardsOutput).toBe(false);
  change({ output: ['secrets'] });
  const first = chain();
  expect([first.guardsInput, first.guardsOutput]).toEqual([false, true]);
  expect(chain()).toBe(first);
  change({ output: [{ secrets: { action: 'block' } }] });
  expect(chain().fingerprint).not.toBe(first.fingerprint);
});
