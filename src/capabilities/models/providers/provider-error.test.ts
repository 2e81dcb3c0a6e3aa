import { describe, expect, it } from 'vitest';
import { AppError, systemClock } from '../../../base/index.ts';
import { createAnthropicProvider } from './anthropic-provider.ts';
import { modelServerHosts } from '../model-server-hosts.ts';
import { createOllamaProvider } from './ollama-provider.ts';
import { createOpenAICompatibleProvider } from './openai-compatible-provider.ts';

const { signal } = new AbortController();
const request = { model: 'm', messages: [{ role: 'user' as const, content: 'Hello' }] };
const code = (name: string): Error => Object.assign(new Error(name), { code: name });

const makers = {
  Ollama: (fetch: typeof globalThis.fetch) =>
    createOllamaProvider({ baseUrl: 'http://host:1', fetch, clock: systemClock }),
  OpenAI: (fetch: typeof globalThis.fetch) =>
    createOpenAICompatibleProvider({ baseUrl: 'http://host:1', fetch, clock: systemClock }),
  Anthropic: (fetch: typeof globalThis.fetch) =>
    createAnthropicProvider({ baseUrl: 'http://host:1', apiKey: 'k', fetch, clock: systemClock }),
};

describe.each(Object.entries(makers))('%s, when the connection fails', (_name, make) => {
  it.each<[string, Error, string, RegExp]>([
    [
      'refused',
      new TypeError('fetch failed', { cause: code('ECONNREFUSED') }),
      'model_unavailable',
      /refused the connection\.$/,
    ],
    [
      'no such host',
      new TypeError('fetch failed', { cause: code('ENOTFOUND') }),
      'model_unavailable',
      /cannot be resolved\.$/,
    ],
    [
      'refused on every address',
      new TypeError('fetch failed', { cause: new AggregateError([code('ECONNREFUSED')]) }),
      'model_unavailable',
      /refused the connection\.$/,
    ],
    ['slow', new TypeError('fetch failed', { cause: code('UND_ERR_HEADERS_TIMEOUT') }), 'timeout', /./],
    [
      'refused, as the egress client says it',
      new AppError('upstream_error', 'no connection', { cause: code('ECONNREFUSED') }),
      'model_unavailable',
      /refused the connection\.$/,
    ],
    [
      'failed, as the egress client says it',
      new AppError('upstream_error', 'no connection to host.'),
      'model_unavailable',
      /cannot be reached: no connection to host\.$/,
    ],
    [
      'denied by the egress guard',
      new AppError('egress_denied', 'private address'),
      'egress_denied',
      /private address/,
    ],
    ['timed out in the egress client', new AppError('timeout', 'no head'), 'timeout', /no head/],
  ])('%s', async (_what, rejection, expected, message) => {
    const provider = make(() => Promise.reject(rejection));
    for (const call of [
      () => provider.complete(request, { signal }),
      () => provider.listModels({ signal }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: expected, message });
    }
  });
});

describe('the hosts of model servers', () => {
  it('are those that the configuration names, and a local Ollama', () => {
    expect(
      modelServerHosts({
        OLLAMA_BASE_URL: undefined,
        OPENAI_BASE_URL: 'https://llm.lan/v1',
        ANTHROPIC_BASE_URL: 'http://[::1]:4000',
      }),
    ).toEqual(['localhost:11434', 'llm.lan:443', '[::1]:4000']);
  });
});
