import { systemClock } from '../../../base/index.ts';
import {
  contractTimes,
  llmProviderContract,
  type ProviderHarness,
} from '../../../testing/contracts/llm-provider-contract.ts';
import {
  FakeModel,
  startFakeAnthropic,
  startFakeOllama,
  startFakeOpenAI,
  type FakeModelServer,
} from '../../../testing/models.ts';
import { createAnthropicProvider } from './anthropic-provider.ts';
import { createOllamaProvider } from './ollama-provider.ts';
import { createOpenAICompatibleProvider } from './openai-compatible-provider.ts';
import type { LLMProvider } from '../provider.ts';

const parts = { ...contractTimes, fetch: globalThis.fetch, clock: systemClock };

function harness(server: FakeModelServer, provider: LLMProvider): ProviderHarness {
  return {
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
    createOpenAICompatibleProvider({ ...parts, baseUrl: `${server.url}/v1`, apiKey: 'sk-test' }),
  );
});

llmProviderContract('Anthropic', async () => {
  const server = await startFakeAnthropic();
  return harness(server, createAnthropicProvider({ ...parts, baseUrl: server.url, apiKey: 'sk-ant-test' }));
});

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
