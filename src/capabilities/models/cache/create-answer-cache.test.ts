import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../base/index.ts';
import { createMetrics } from '../../../platform/observability/index.ts';
import { projectModels, systemScope } from '../../../protocol/index.ts';
import { FakeClock } from '../../../testing/fake-clock.ts';
import { createMemoryLogger } from '../../../testing/memory-logger.ts';
import type { CacheableCall, CachedAnswer } from '../gateway/answer-cache.ts';
import type { CacheControl } from '../gateway/gateway.ts';
import type { ModelRequest } from '../provider.ts';
import { createAnswerCache, type EmbedQuestion } from './create-answer-cache.ts';
import { MemoryAnswerStore } from './memory-answer-store.ts';

const { signal } = new AbortController();
const answer: CachedAnswer = {
  deployment: 'd',
  group: 'g',
  provider: 'p',
  model: 'm',
  usage: { inputTokens: 1, outputTokens: 1, costUsd: 1 },
  kind: 'events',
  events: [],
};

interface Asked {
  readonly tenant?: string;
  readonly principal?: string;
  readonly model?: string;
  readonly stream?: boolean;
  readonly shape?: string;
  readonly guards?: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly request?: Partial<ModelRequest>;
  readonly control?: CacheControl;
  readonly headers?: Readonly<Record<string, string>>;
}

function callOf(asked: Asked = {}): CacheableCall {
  const { tenant = 'a', principal = 'key:1', model = 'chat', stream = false, shape = 'openai-chat' } = asked;
  const { guards = '', body = {}, request = {}, control = {}, headers } = asked;
  const messages = [{ role: 'user', content: 'hello' }];
  return {
    caller: { scope: { ...systemScope, tenant, principal }, requestId: 'r' },
    model,
    stream,
    shape,
    guards,
    control,
    ...(headers === undefined ? {} : { headers }),
    body: (): JsonObject => ({ messages, ...(body as JsonObject) }),
    request: () => ({ messages, ...request }) as never,
  };
}

const directions: Readonly<Record<string, readonly number[]>> = {
  'what is the capital of France?': [1, 0],
  "tell me France's capital": [0.98, 0.2],
  'what is the capital of Spain?': [0.5, 0.86],
};

function open(cache: unknown, embed?: EmbedQuestion) {
  const clock = new FakeClock();
  let settings = projectModels.parse({ cache }).cache;
  const made = createAnswerCache({
    settings: () => settings,
    store: new MemoryAnswerStore({ clock, maxBytes: () => 1_000_000 }),
    embed: embed ?? ((_group, text) => Promise.resolve(directions[text] ?? [0, 0])),
    clock,
    logger: createMemoryLogger(),
    metrics: createMetrics({ version: 't', processMetrics: false }),
  });
  return {
    clock,
    cache: made,
    change: (next: unknown) => {
      settings = projectModels.parse({ cache: next }).cache;
    },
    async keep(asked?: Asked) {
      const { store } = await made.lookup(callOf(asked), signal);
      store?.(answer);
      return store !== undefined;
    },
    async knows(asked?: Asked) {
      return (await made.lookup(callOf(asked), signal)).hit !== undefined;
    },
  };
}

describe('answers to the letter', () => {
  it('are those of the same request, whatever the order of its fields and whoever of the tenant asks', async () => {
    const { keep, knows } = open({ exact: {} });
    await keep({ body: { temperature: 1, seed: 2 } });
    expect(await knows({ body: { seed: 2, temperature: 1 } })).toBe(true);
    expect(await knows({ body: { seed: 2, temperature: 1, user: 'u', metadata: { a: 'b' } } })).toBe(true);
    expect(await knows({ body: { seed: 2, temperature: 1 }, principal: 'key:2' })).toBe(true);
  });

  it('are never those of something else, least of all of another tenant', async () => {
    const { keep, knows } = open({ exact: {} });
    await keep({});
    const others: readonly Asked[] = [
      { tenant: 'b' },
      { model: 'other' },
      { stream: true },
      { shape: 'events' },
      { guards: 'others' },
      { headers: { 'anthropic-beta': 'x' } },
      { control: { namespace: 'n' } },
      { body: { temperature: 0 } },
      { body: { tools: [] } },
      { body: { stream_options: { include_usage: true } } },
      { body: { messages: [{ role: 'user', content: 'hello ' }] } },
    ];
    for (const other of others) expect(await knows(other), JSON.stringify(other)).toBe(false);
    expect(await knows({})).toBe(true);
  });

  it('come and go as the request says', async () => {
    const { keep, knows, clock } = open({ exact: { ttl: '1m' } });
    expect(await keep({ control: { noStore: true } })).toBe(false);
    expect(await keep({ control: { noCache: true } })).toBe(true);
    expect(await knows({ control: { noCache: true } })).toBe(false);
    await clock.advance(5000);
    expect(await knows({ control: { maxAgeSeconds: 4 } })).toBe(false);
    expect(await knows({ control: { maxAgeSeconds: 6 } })).toBe(true);
    expect(await knows({ control: { noStore: true } })).toBe(true);
    await clock.advance(55_000);
    expect(await knows()).toBe(false);
    await keep({ control: { ttlSeconds: 3600 } });
    await clock.advance(3_599_000);
    expect(await knows()).toBe(true);
    await clock.advance(1000);
    expect(await knows()).toBe(false);
  });

  it('are off unless written, follow the settings, and leave out whom they name', async () => {
    const { cache, keep, knows, change } = open(undefined);
    expect(cache.enabled).toBe(false);
    expect(await keep()).toBe(false);
    change({ exact: {}, exclude: { models: ['pri*'], keys: ['key:9', '8'] } });
    expect(cache.enabled).toBe(true);
    expect(await keep({ model: 'private' })).toBe(false);
    expect(await keep({ principal: 'key:9' })).toBe(false);
    expect(await keep({ principal: 'key:8' })).toBe(false);
    expect(await keep()).toBe(true);
    expect(await knows()).toBe(true);
    await cache.clear('a');
    expect(await knows()).toBe(false);
  });
});

describe('answers by meaning', () => {
  const settings = { semantic: { threshold: 0.95, embeddings: 'vectors' } };
  const ask = (content: string, asked: Asked = {}): Asked => ({
    shape: 'events',
    ...asked,
    request: {
      messages: [
        { role: 'system', content: 's' },
        { role: 'user', content },
      ],
      ...asked.request,
    },
  });
  const france = 'what is the capital of France?';
  const again = "tell me France's capital";

  it('are those of a question that is like enough, everything else being the same', async () => {
    const { keep, knows } = open(settings);
    await keep(ask(france));
    expect(await knows(ask(again))).toBe(true);
    expect(await knows(ask('what is the capital of Spain?'))).toBe(false);
    const tools = [{ name: 'f', description: '', parameters: {} }];
    const system = [
      { role: 'system', content: 'other' },
      { role: 'user', content: again },
    ] as const;
    for (const other of [
      ask(again, { tenant: 'b' }),
      ask(again, { model: 'other' }),
      ask(again, { stream: true }),
      ask(again, { guards: 'x' }),
      ask(again, { control: { namespace: 'n' } }),
      ask(again, { request: { tools } }),
      ask(again, { request: { settings: { temperature: 0.2 } } }),
      { ...ask(again), request: { messages: system } },
    ])
      expect(await knows(other), JSON.stringify(other)).toBe(false);
  });

  it('do not stand in for the end of a round of tools, or where no vector comes in time', async () => {
    const { keep, knows } = open(settings);
    const tool = { role: 'tool', toolCallId: 'c', name: 'f', content: france } as const;
    expect(
      await keep({ shape: 'events', request: { messages: [{ role: 'user', content: france }, tool] } }),
    ).toBe(true);
    expect(
      await knows({ shape: 'events', request: { messages: [{ role: 'user', content: france }, tool] } }),
    ).toBe(false);
    const failing = open(settings, () => Promise.reject(new Error('no')));
    await failing.keep(ask(france));
    expect(await failing.knows(ask(france))).toBe(false);
    const slow = open({ semantic: { ...settings.semantic, timeout: 50 } }, () => new Promise(() => {}));
    const waiting = slow.knows(ask(france));
    await slow.clock.advance(50);
    expect(await waiting).toBe(false);
  });

  it('are bounded in number and time', async () => {
    const { keep, knows, clock, cache } = open({
      semantic: { ...settings.semantic, maxEntries: 1, ttl: '1m' },
    });
    await keep(ask(france));
    expect(await knows(ask(again, { control: { maxAgeSeconds: 10 } }))).toBe(true);
    await keep(ask('what is the capital of Spain?'));
    expect(await knows(ask(again))).toBe(false);
    expect(await knows(ask('what is the capital of Spain?'))).toBe(true);
    await cache.clear('a');
    expect(await knows(ask('what is the capital of Spain?'))).toBe(false);
    await keep(ask(france));
    await clock.advance(60_000);
    expect(await knows(ask(france))).toBe(false);
  });
});
