import { systemClock } from '../../../base/index.ts';
import {
  contractTimes,
  llmProviderContract,
  type ProviderHarness,
} from '../../../testing/contracts/llm-provider-contract.ts';
import {
  FakeModel,
  startFakeAnthropic,
  startFakeBedrock,
  startFakeGoogle,
  startFakeOllama,
  startFakeOpenAI,
  type FakeModelServer,
} from '../../../testing/models.ts';
import { createAnthropicProvider } from './anthropic-provider.ts';
import { createBedrockProvider } from './bedrock-provider.ts';
import { buildConfiguredProvider } from './configured-provider.ts';
import { createGoogleProvider } from './google-provider.ts';
import { createOllamaProvider } from './ollama-provider.ts';
import { createOpenAICompatibleProvider } from './openai-compatible-provider.ts';
import type { LLMProvider } from '../provider.ts';

const defaults = { openai: {}, anthropic: {}, ollama: { baseUrl: 'http://localhost:11434' } };
const parts = { ...contractTimes, fetch: globalThis.fetch, clock: systemClock };

function harness(
  server: FakeModelServer,
  provider: LLMProvider,
  more: Partial<ProviderHarness> = {},
): ProviderHarness {
  return {
    received: () => server.chatRequests.map(({ body }) => body),
    ...more,
    provider,
    model: 'fake-model',
    reply: (...turns) => server.reply(...turns),
    fail: (...faults) => server.fail(...faults),
    untilLeft: () => server.untilClientsLeft(1),
    stop: () => server.stop(),
  };
}

llmProviderContract('OpenAI-compatible', async () => {
  const server = await startFakeOpenAI();
  return harness(
    server,
    createOpenAICompatibleProvider({
      ...parts,
      baseUrl: `${server.url}/v1`,
      apiKey: 'sk-test',
      embeddingBatch: 100,
      rerank: true,
    }),
    { usageDetails: ['cachedInputTokens', 'reasoningTokens'] },
  );
});

llmProviderContract('Anthropic', async () => {
  const server = await startFakeAnthropic();
  return harness(server, createAnthropicProvider({ ...parts, baseUrl: server.url, apiKey: 'sk-ant-test' }), {
    usageDetails: ['cachedInputTokens', 'cacheWriteTokens'],
    signs: 'reasoning',
  });
});

llmProviderContract('Google', async () => {
  const server = await startFakeGoogle();
  const provider = createGoogleProvider({ ...parts, baseUrl: `${server.url}/v1beta`, apiKey: 'test-key' });
  return harness(server, provider, {
    usageDetails: ['cachedInputTokens', 'reasoningTokens'],
    argumentsAreObjects: true,
    signs: 'calls',
  });
});

llmProviderContract('Bedrock', async () => {
  const server = await startFakeBedrock();
  const provider = createBedrockProvider({
    ...parts,
    region: 'eu-central-1',
    baseUrl: server.url,
    apiKey: 'test-key',
  });
  return harness(server, provider, {
    usageDetails: ['cachedInputTokens', 'cacheWriteTokens'],
    signs: 'reasoning',
  });
});

// The presets whose habits change requests most; `provider-presets.test.ts` looks at each of them.
for (const kind of ['mistral', 'deepseek', 'openrouter'] as const) {
  llmProviderContract(kind, async () => {
    const server = await startFakeOpenAI();
    const settings = { base_url: `${server.url}/v1`, api_key: 'test-key' };
    const provider = buildConfiguredProvider(kind, settings, { ...parts, environment: {}, defaults });
    return harness(server, provider, { usageDetails: ['cachedInputTokens', 'reasoningTokens'] });
  });
}

llmProviderContract('Ollama', async () => {
  const server = await startFakeOllama();
  return harness(server, createOllamaProvider({ ...parts, baseUrl: server.url }));
});

llmProviderContract('FakeModel', () => {
  const provider = new FakeModel({ turns: [] });
  return Promise.resolve({
    provider,
    model: 'fake-model',
    reply: (...turns) => provider.reply(...turns),
    stop: () => Promise.resolve(),
  });
});
