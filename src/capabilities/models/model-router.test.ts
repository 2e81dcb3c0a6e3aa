import { describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
import { createMetrics } from '../../platform/observability/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { createMemoryLogger } from '../../testing/memory-logger.ts';
import { FakeModel, type FakeTurnSource } from '../../testing/models.ts';
import { connectRouter } from './connect-router.ts';
import { ProviderDirectory } from './provider-directory.ts';
import type { ModelEvent, ModelReference } from './provider.ts';

const prefixes = { 'gpt-': 'openai', o1: 'openai', o3: 'openai', 'ft:gpt-': 'openai', 'claude-': 'openai' };
const down = new AppError('model_unavailable', 'down');
const hello = { messages: [{ role: 'user' as const, content: 'Hello' }] };
const { signal } = new AbortController();

function setUp(
  options: { defaultModel?: string; timeoutMs?: number; prefixes?: Record<string, string> } = {},
) {
  const clock = new FakeClock();
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const directory = new ProviderDirectory({
    fetch: () => Promise.reject(new TypeError('fetch failed')),
    clock,
    timeoutMs: 120_000,
    environment: {},
    defaults: { openai: {}, anthropic: {}, ollama: { baseUrl: 'http://localhost:11434' } },
  });
  const defaultModel = options.defaultModel ?? 'ollama/llama3.2';
  const { router } = connectRouter({
    clock,
    metrics,
    logger: createMemoryLogger(),
    prices: () => ({ priced: { inputPerMillion: 2, outputPerMillion: 10 } }),
    timeoutMs: options.timeoutMs ?? 120_000,
    rules: {
      directory,
      prefixes: options.prefixes ?? prefixes,
      defaultModels: { ollama: 'llama3.2', local: 'llama3.2', openai: 'gpt-4o-mini' },
      defaultModel: () => defaultModel,
      defaultProvider: () => defaultModel.split('/')[0] ?? '',
    },
  });
  const add = (name: string, ...turns: FakeTurnSource[]): FakeModel => {
    const model = new FakeModel({ name, clock, turns });
    router.register(model);
    return model;
  };
  return { clock, metrics, router, directory, add };
}

async function eventsOf(stream: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const events: ModelEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function errorOf(action: () => unknown): AppError {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new TypeError('expected an AppError');
}

describe('resolving a model', () => {
  const connected = () => {
    const parts = setUp();
    parts.add('ollama');
    parts.add('openai');
    parts.add('mine');
    return parts;
  };

  it.each<[string, ModelReference | undefined, string]>([
    ['nothing', undefined, 'ollama/llama3.2'],
    ['no name', {}, 'ollama/llama3.2'],
    ['"default"', { name: 'default' }, 'ollama/llama3.2'],
    ['gpt-', { name: 'gpt-4o' }, 'openai/gpt-4o'],
    ['o1', { name: 'o1-preview' }, 'openai/o1-preview'],
    ['o3', { name: 'o3' }, 'openai/o3'],
    ['claude-', { name: 'claude-sonnet-4-5' }, 'openai/claude-sonnet-4-5'],
    ['ft:gpt-', { name: 'ft:gpt-4o:acme' }, 'openai/ft:gpt-4o:acme'],
    ['no rule', { name: 'qwen3:8b' }, 'ollama/qwen3:8b'],
    ['provider/model', { name: 'mine/big' }, 'mine/big'],
    ['provider/model over a prefix', { name: 'ollama/gpt-oss' }, 'ollama/gpt-oss'],
    ['a name with a slash of its own', { name: 'meta-llama/Llama-3-70b' }, 'ollama/meta-llama/Llama-3-70b'],
    ['provider and name', { provider: 'mine', name: 'big' }, 'mine/big'],
    ['provider alone', { provider: 'openai' }, 'openai/gpt-4o-mini'],
    ['local', { provider: 'local', name: 'phi4', config: { base_url: 'http://gpu:11434' } }, 'local/phi4'],
    ['custom', { provider: 'custom', name: 'big' }, 'mine/big'],
    ['custom by name', { provider: 'custom', name: 'big', config: { provider: 'mine' } }, 'mine/big'],
  ])('%s', (_what, reference, id) => {
    expect(connected().router.resolve(reference).id).toBe(id);
  });

  it('obeys own prefixes, the longest first', () => {
    const { router, add } = setUp({ prefixes: { ...prefixes, 'gpt-4-local': 'mine' } });
    add('openai');
    add('mine');
    expect(router.resolve({ name: 'gpt-4-local-q4' }).id).toBe('mine/gpt-4-local-q4');
    expect(router.resolve({ name: 'gpt-4o' }).id).toBe('openai/gpt-4o');
  });

  it.each<[string, ModelReference, string, RegExp]>([
    ['a mistyped provider', { provider: 'opnai', name: 'x' }, 'not_found', /Did you mean "openai"/],
    ['a mistyped provider in the name', { name: 'opnai/gpt-4o' }, 'not_found', /Did you mean "openai"/],
    [
      'a provider without a key',
      { name: 'anthropic/claude-x' },
      'model_unavailable',
      /Set ANTHROPIC_API_KEY/,
    ],
    ['no model name', { provider: 'mine' }, 'invalid_definition', /spec\.model\.name is missing/],
    [
      'a bad address',
      { provider: 'local', name: 'x', config: { base_url: 'gpu' } },
      'invalid_definition',
      /base_url/,
    ],
  ])('refuses %s', (_what, reference, code, message) => {
    const error = errorOf(() => connected().router.resolve(reference));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('never puts the offline assistant in the place of a model that was named', () => {
    const { router, add } = setUp({ defaultModel: 'offline/assistant' });
    add('offline');
    expect(router.resolve(undefined).id).toBe('offline/assistant');
    for (const name of ['gpt-4o', 'llama3.2']) {
      expect(errorOf(() => router.resolve({ name })).code).toBe('model_unavailable');
    }
  });

  it('shares one provider among equal settings and gives the key of the environment to no other address', () => {
    const { router } = setUp();
    const reference = { provider: 'local', name: 'x', config: { base_url: 'http://gpu:1', num_ctx: 8192 } };
    expect(router.resolve(reference).provider).toBe(router.resolve({ ...reference }).provider);
    const elsewhere = { provider: 'anthropic', name: 'x', config: { base_url: 'https://proxy.example' } };
    expect(errorOf(() => router.resolve(elsewhere)).message).toMatch(/own api_key/);
  });
});

describe('registering a provider', () => {
  it('names everything that is missing', () => {
    const { router } = setUp();
    const error = errorOf(() => router.register({ name: 'Mine', complete() {} } as never));
    expect(error.code).toBe('invalid_definition');
    for (const part of ['`name`', '`stream`', '`listModels`', '`capabilities`'])
      expect(error.message).toContain(part);
  });

  it('refuses a name that is taken', () => {
    const { add } = setUp();
    add('mine');
    expect(errorOf(() => add('mine')).code).toBe('conflict');
  });
});

describe('calling a model', () => {
  it('tries a lone provider three times, after 1 and 2 seconds', async () => {
    const { clock, router, add } = setUp();
    const model = add('ollama', { error: down }, { error: down }, 'up again');
    const startedMs = clock.now();
    const answer = router.complete(undefined, hello, { signal });
    await clock.advance(999);
    expect(model.calls).toHaveLength(1);
    await clock.advance(1);
    expect(model.calls).toHaveLength(2);
    await clock.advance(2000);
    expect((await answer).text).toBe('up again');
    expect(clock.now() - startedMs).toBe(3000);
  });

  it('gives up with the last error after three attempts', async () => {
    const { clock, router, add } = setUp();
    const model = add(
      'ollama',
      { error: down },
      { error: down },
      { error: new AppError('model_unavailable', 'still down') },
      'late',
    );
    const answer = router.complete(undefined, hello, { signal });
    const failed = expect(answer).rejects.toMatchObject({ code: 'model_unavailable', message: 'still down' });
    await clock.advance(60_000);
    await failed;
    expect(model.calls).toHaveLength(3);
  });

  it('waits as long as the provider asks, up to a minute', async () => {
    const { clock, router, add } = setUp();
    const limited = (retryAfterMs: number) => ({
      error: new AppError('rate_limited', 'slow down', { details: { retryAfterMs } }),
    });
    const model = add('ollama', limited(7000), 'thanks for waiting', limited(61_000));
    const answer = router.complete(undefined, hello, { signal });
    await clock.advance(6999);
    expect(model.calls).toHaveLength(1);
    await clock.advance(1);
    expect((await answer).text).toBe('thanks for waiting');
    await expect(router.complete(undefined, hello, { signal })).rejects.toMatchObject({
      code: 'rate_limited',
    });
    expect(model.calls).toHaveLength(3);
  });

  it('does not repeat a call that was refused', async () => {
    const { router, add } = setUp();
    const model = add('ollama', { error: new AppError('model_rejected', 'no such model') });
    await expect(router.complete(undefined, hello, { signal })).rejects.toMatchObject({
      code: 'model_rejected',
    });
    expect(model.calls).toHaveLength(1);
  });

  it('falls back at once and in order, and counts it', async () => {
    const { metrics, router, add } = setUp();
    add('ollama', { error: down });
    add('second', { error: down });
    add('third', 'here I am');
    const reference = { name: 'ollama/a', fallbacks: ['second/b', 'nowhere/x', 'third/c'] };
    const events = await eventsOf(router.stream(reference, hello, { signal }));
    expect(events[0]).toEqual({ type: 'text-delta', text: 'here I am' });
    const counted = await metrics.modelFallbacks.get();
    expect(counted.values.map(({ labels }) => labels['to'])).toContain('third/c');
  });

  it('never repeats or falls back once a part was handed on', async () => {
    const { router, add } = setUp();
    const first = add('ollama', { chunks: ['Half an'], error: down }, 'again');
    const second = add('second', 'other answer');
    const events = await eventsOf(
      router.stream({ name: 'ollama/a', fallbacks: ['second/b'] }, hello, { signal }),
    );
    expect(events.map((event) => event.type)).toEqual(['text-delta', 'error']);
    expect(first.calls).toHaveLength(1);
    expect(second.calls).toHaveLength(0);
  });

  it('bounds a model that hangs, and leaves time for the fallback', async () => {
    const { clock, router, add } = setUp({ timeoutMs: 10_000 });
    add('ollama', { hang: true });
    add('second', 'quick', { hang: true });
    const answer = router.complete({ name: 'ollama/a', fallbacks: ['second/b'] }, hello, { signal });
    await clock.advance(5000);
    expect((await answer).text).toBe('quick');
    const lone = router.complete({ name: 'second/b' }, hello, { signal });
    const failed = expect(lone).rejects.toMatchObject({ code: 'timeout' });
    await clock.advance(10_000);
    await failed;
  });

  it('bounds a provider that pays no heed to its signal', async () => {
    const { clock, router } = setUp({ timeoutMs: 1000 });
    const never = new Promise<never>(() => {});
    router.register({
      name: 'deaf',
      capabilities: { tools: false, structuredOutput: false, images: false, embeddings: false },
      complete: () => never,
      stream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => never }) }),
      listModels: () => never,
    });
    for (const call of [
      eventsOf(router.stream({ name: 'deaf/x' }, hello, { signal })),
      router
        .complete({ name: 'deaf/x' }, hello, { signal })
        .catch((error: unknown) => [{ type: 'error', error }]),
    ]) {
      await clock.advance(1000);
      expect(await call).toMatchObject([{ type: 'error', error: { code: 'timeout' } }]);
    }
  });

  it('stops waiting when the caller leaves', async () => {
    const { clock, router, add } = setUp();
    add('ollama', { error: down }, 'late');
    const controller = new AbortController();
    const answer = router.complete(undefined, hello, { signal: controller.signal });
    await clock.untilPending(1);
    await clock.advance(500);
    controller.abort(new Error('gone'));
    await expect(answer).rejects.toThrow('gone');
    expect(clock.pending).toBe(0);
  });

  it('ends a stream as cancelled when the caller leaves in the middle of it', async () => {
    const { router, add } = setUp();
    add('ollama', { chunks: ['a', 'b', 'c'] });
    const controller = new AbortController();
    const events: ModelEvent[] = [];
    for await (const event of router.stream(undefined, hello, { signal: controller.signal })) {
      events.push(event);
      controller.abort(new Error('gone'));
    }
    expect(events).toMatchObject([{ type: 'text-delta' }, { type: 'error', error: { code: 'cancelled' } }]);
  });

  it('knows a cost where it knows the price, and none where it does not', async () => {
    const { metrics, router, add } = setUp();
    const usage = { inputTokens: 1000, outputTokens: 500 };
    add('ollama', { text: 'a', usage });
    add('mine', { text: 'b', usage });
    expect((await router.complete({ name: 'priced' }, hello, { signal })).usage.costUsd).toBeCloseTo(
      0.007,
      10,
    );
    expect((await router.complete({ name: 'mine/other' }, hello, { signal })).usage.costUsd).toBeNull();
    const cost = await metrics.modelCost.get();
    expect(cost.values).toHaveLength(1);
    const tokens = await metrics.modelTokens.get();
    expect(tokens.values.reduce((sum, { value }) => sum + value, 0)).toBe(3000);
  });

  it('shows a provider as down after a failure and as ok after an answer', async () => {
    const { clock, router, add } = setUp();
    add('ollama', { error: down }, 'fine');
    const answer = router.complete(undefined, hello, { signal });
    await clock.advance(500);
    expect(router.status().providers).toEqual([{ name: 'ollama', status: 'down', detail: 'down' }]);
    await clock.advance(500);
    await answer;
    expect(router.status().providers).toEqual([{ name: 'ollama', status: 'ok' }]);
  });
});
