import { isJsonObject, type Clock } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { createAiSdkProvider } from './ai-sdk-provider.ts';
import type { CallTimes } from './call-limits.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { fetchJson } from './fetch-json.ts';
import { createAnthropicForward } from './forward-anthropic.ts';
import { shownAddress, type Upstream } from './provider-error.ts';
import type { LLMProvider } from '../provider.ts';

/** Where Anthropic's Messages API is. */
export interface AnthropicOptions extends CallTimes {
  /** Name under which the router knows it. Default `anthropic`. */
  readonly name?: string;
  /** Default `https://api.anthropic.com/v1`; `/v1` is added where the address has no path. */
  readonly baseUrl?: string;
  readonly apiKey: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
  /** With it requests of the Messages API are sent on as they are. */
  readonly request?: EgressClient['request'];
  readonly clock: Clock;
}

/** Anthropic's Messages API. */
export function createAnthropicProvider(options: AnthropicOptions): LLMProvider {
  const { name = 'anthropic', baseUrl = 'https://api.anthropic.com/v1', apiKey, clock } = options;
  const fetch = connectingFetch(options.fetch);
  const bare = shownAddress(baseUrl);
  const root = new URL(bare).pathname === '/' ? `${bare}/v1` : bare;
  const upstream: Upstream = {
    label: 'Anthropic',
    address: root,
    keyHint: name === 'anthropic' ? 'Check ANTHROPIC_API_KEY.' : 'Check its api_key.',
    secret: apiKey,
  };
  const load = async () => {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return createAnthropic({ baseURL: root, apiKey, fetch, headers: { ...options.headers } });
  };
  let loading: ReturnType<typeof load> | undefined;
  const provider = createAiSdkProvider({
    ...options,
    name,
    upstream,
    capabilities: { tools: true, structuredOutput: true, images: true, embeddings: false },
    systemFirst: true,
    loadModel: async (model) => (await (loading ??= load())).languageModel(model),
    async fetchModels({ signal }) {
      const body = await fetchJson({
        fetch,
        upstream,
        url: `${root}/models?limit=1000`,
        headers: { 'x-api-key': apiKey, 'anthropic-version': '2023-06-01', ...options.headers },
        signal,
        nowMs: clock.now(),
      });
      const list = isJsonObject(body) ? body['data'] : undefined;
      if (!Array.isArray(list)) throw new SyntaxError('no list of models');
      return (list as unknown[])
        .filter(isJsonObject)
        .flatMap((model) => (typeof model['id'] === 'string' ? [{ id: model['id'], provider: name }] : []));
    },
  });
  if (options.request === undefined) return provider;
  return { ...provider, ...createAnthropicForward({ ...options, request: options.request, upstream, root }) };
}
