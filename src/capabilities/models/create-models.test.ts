import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../../platform/observability/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { createMemoryLogger } from '../../testing/memory-logger.ts';
import { startFakeOllama, startFakeOpenAI, type FakeModelServer } from '../../testing/models.ts';
import { createModels, type Models, type ModelsDeps } from './create-models.ts';

const { signal } = new AbortController();
const hello = { messages: [{ role: 'user' as const, content: 'What is 17% of 230?' }] };
const nowhere = 'http://nowhere.test:11434';

/** Reaches the fakes; whatever stands at `nowhere` refuses. */
const fetchLocal: typeof globalThis.fetch = (input, init) => {
  if (!new Request(input).url.startsWith(nowhere)) return globalThis.fetch(input, init);
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  return Promise.reject(new TypeError('fetch failed', { cause }));
};

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function server(start: () => Promise<FakeModelServer>): Promise<FakeModelServer> {
  const fake = await start();
  stops.push(() => fake.stop());
  return fake;
}

function setUp(
  config: Partial<ModelsDeps['config']>,
  rest: Partial<ModelsDeps> = {},
): { models: Models; clock: FakeClock; logger: ReturnType<typeof createMemoryLogger> } {
  const clock = new FakeClock();
  const logger = createMemoryLogger();
  const models = createModels({
    config: {
      OLLAMA_DEFAULT_MODEL: 'llama3.2',
      OPENAI_DEFAULT_MODEL: 'gpt-4o-mini',
      ANTHROPIC_DEFAULT_MODEL: 'claude-sonnet-4-5',
      MODEL_TIMEOUT_SECONDS: 120,
      OLLAMA_BASE_URL: undefined,
      OPENAI_API_KEY: undefined,
      OPENAI_BASE_URL: undefined,
      ANTHROPIC_API_KEY: undefined,
      ANTHROPIC_BASE_URL: undefined,
      ...config,
    },
    egress: { fetch: fetchLocal },
    clock,
    logger,
    metrics: createMetrics({ version: 'test', processMetrics: false }),
    localOllamaUrl: nowhere,
    ...rest,
  });
  stops.push(() => models.stop());
  return { models, clock, logger };
}

describe('the choice of the default model', () => {
  it('takes the configured Ollama when it answers', async () => {
    const ollama = await server(startFakeOllama);
    const { models } = setUp({ OLLAMA_BASE_URL: ollama.url, OPENAI_API_KEY: 'sk-test' });
    await models.start();
    expect(models.router.status()).toMatchObject({ defaultModel: 'ollama/llama3.2', offline: false });
  });

  it('finds a local Ollama by itself, and takes a model that it has', async () => {
    const ollama = await server(() => startFakeOllama({ models: ['qwen3:8b'] }));
    const { models } = setUp({}, { localOllamaUrl: ollama.url });
    await models.start();
    expect(models.router.status().defaultModel).toBe('ollama/qwen3:8b');
    ollama.reply('39.1');
    expect((await models.router.complete(undefined, hello, { signal })).text).toBe('39.1');
  });

  it.each([
    ['OpenAI', { OPENAI_API_KEY: 'sk-test', ANTHROPIC_API_KEY: 'sk-ant' }, 'openai/gpt-4o-mini'],
    ['a compatible server', { OPENAI_BASE_URL: 'http://vllm:8000/v1' }, 'openai/gpt-4o-mini'],
    ['Anthropic', { ANTHROPIC_API_KEY: 'sk-ant' }, 'anthropic/claude-sonnet-4-5'],
    [
      'the provider of a key when Ollama is down',
      { OLLAMA_BASE_URL: nowhere, OPENAI_API_KEY: 'sk-test' },
      'openai/gpt-4o-mini',
    ],
  ])('takes %s', async (_what, config, expected) => {
    const { models } = setUp(config);
    await models.start();
    expect(models.router.status().defaultModel).toBe(expected);
  });

  it.each([
    ['Anthropic with its own key', { ANTHROPIC_API_KEY: 'sk-ant' }, 'anthropic/claude-x'],
    [
      'the proxy where one is set',
      { ANTHROPIC_API_KEY: 'sk-ant', OPENAI_BASE_URL: 'http://proxy:4000/v1' },
      'openai/claude-x',
    ],
  ])('sends claude- models to %s', (_what, config, id) => {
    expect(setUp(config).models.router.resolve({ name: 'claude-x' }).id).toBe(id);
  });

  it('lets the project decide', async () => {
    const { models } = setUp(
      { OPENAI_API_KEY: 'sk', ANTHROPIC_API_KEY: 'sk-ant' },
      { settings: () => ({ default: 'claude-haiku-4-5' }) },
    );
    await models.start();
    expect(models.router.resolve(undefined).id).toBe('anthropic/claude-haiku-4-5');
  });

  it('is offline when nothing is connected, and says so', async () => {
    const { models } = setUp({});
    await models.start();
    expect(models.router.status()).toMatchObject({ defaultModel: 'offline/assistant', offline: true });
    const answer = await models.router.complete(undefined, hello, { signal });
    expect(answer.text).toMatch(/^\[No language model connected/);
    expect(answer.usage.costUsd).toBe(0);
  });

  it('is never offline when a configured provider is down: the error says which and why', async () => {
    const { models, clock } = setUp({ OLLAMA_BASE_URL: nowhere });
    await models.start();
    expect(models.router.status()).toMatchObject({ defaultModel: 'ollama/llama3.2', offline: false });
    expect(models.router.status().providers.find(({ name }) => name === 'ollama')?.status).toBe('down');
    const failed = expect(models.router.complete(undefined, hello, { signal })).rejects.toMatchObject({
      code: 'model_unavailable',
      message: `Ollama at ${nowhere} refused the connection.`,
    });
    await clock.advance(10_000);
    await failed;
  });

  it('moves to a model that appears later', async () => {
    let answering: FakeModelServer | undefined;
    const fetch: typeof globalThis.fetch = (input, init) =>
      fetchLocal(
        answering === undefined ? input : new Request(input).url.replace(nowhere, answering.url),
        init,
      );
    const { models, clock, logger } = setUp({}, { egress: { fetch } });
    await models.start();
    await clock.advance(30_000);
    expect(models.router.status().offline).toBe(true);
    answering = await server(startFakeOllama);
    await clock.advance(30_000);
    await expect.poll(() => models.router.status().defaultModel).toBe('ollama/llama3.2');
    expect(logger.lines.some(({ message }) => message === 'a language model has appeared')).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('does not count an Ollama without models', async () => {
    const ollama = await server(() => startFakeOllama({ models: [] }));
    const { models } = setUp({}, { localOllamaUrl: ollama.url });
    await models.start();
    expect(models.router.status().offline).toBe(true);
  });

  it('may be started and stopped again and again', async () => {
    const { models, clock } = setUp({});
    await models.start();
    await models.start();
    expect(clock.pending).toBe(1);
    await models.stop();
    await models.stop();
    expect(clock.pending).toBe(0);
  });

  it('lists the models of all providers that answer', async () => {
    const openai = await server(startFakeOpenAI);
    const { models } = setUp({ OPENAI_BASE_URL: `${openai.url}/v1`, OLLAMA_BASE_URL: nowhere });
    const ids = (await models.router.listModels({ signal })).map(({ provider, id }) => `${provider}/${id}`);
    expect(ids).toContain('openai/fake-model');
    expect(ids).toContain('offline/assistant');
  });
});
