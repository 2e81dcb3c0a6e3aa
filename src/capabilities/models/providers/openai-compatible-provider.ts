import { isJsonObject, type Clock } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { createAiSdkProvider } from './ai-sdk-provider.ts';
import type { CallTimes } from './call-limits.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { fetchJson } from './fetch-json.ts';
import { createOpenAIForward, type OpenAIShape } from './forward-openai.ts';
import { shownAddress, type Upstream } from './provider-error.ts';
import type { LLMProvider, ModelInfo } from '../provider.ts';

/** Where an OpenAI-compatible server is and how to speak with it. */
export interface OpenAICompatibleOptions extends CallTimes {
  /** Name under which the router knows it. Default `openai`. */
  readonly name?: string;
  /** Default `https://api.openai.com/v1`. A query such as `?api-version=…` goes along with each call. */
  readonly baseUrl?: string;
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Does the server take a JSON Schema as response format? Default true. */
  readonly structuredOutputs?: boolean;
  readonly fetch: typeof globalThis.fetch;
  /** With it requests of OpenAI's shapes are sent on as they are. */
  readonly request?: EgressClient['request'];
  /** Shapes that the server takes, where its address does not tell. */
  readonly wireShapes?: readonly OpenAIShape[];
  readonly clock: Clock;
}

/** OpenAI's reasoning models take another name for the limit and no temperature. */
function adaptToReasoningModels(body: Record<string, unknown>): Record<string, unknown> {
  if (!/^(?:o\d|gpt-5)/.test(String(body['model']))) return body;
  const { max_tokens: limit, temperature: _temperature, top_p: _topP, ...rest } = body;
  return limit === undefined ? rest : { ...rest, max_completion_tokens: limit };
}

function readModels(body: unknown, provider: string): ModelInfo[] {
  const list = isJsonObject(body) ? body['data'] : body;
  if (!Array.isArray(list)) throw new SyntaxError('no list of models');
  return (list as unknown[]).filter(isJsonObject).flatMap((model) => {
    const window = model['context_length'] ?? model['max_model_len'];
    return typeof model['id'] === 'string'
      ? [{ id: model['id'], provider, ...(typeof window === 'number' ? { contextWindow: window } : {}) }]
      : [];
  });
}

/** OpenAI, Azure OpenAI, LiteLLM, vLLM, Together and whatever else speaks chat completions. */
export function createOpenAICompatibleProvider(options: OpenAICompatibleOptions): LLMProvider {
  const { name = 'openai', baseUrl = 'https://api.openai.com/v1', apiKey, clock } = options;
  const fetch = connectingFetch(options.fetch);
  const url = new URL(baseUrl);
  const queryParams = Object.fromEntries(url.searchParams);
  const root = shownAddress(baseUrl);
  const isAzure = url.hostname.endsWith('.openai.azure.com');
  const isOpenAI = url.hostname === 'api.openai.com';
  const upstream: Upstream = {
    label: isAzure ? 'Azure OpenAI' : isOpenAI ? 'OpenAI' : `The OpenAI-compatible server "${name}"`,
    address: root,
    keyHint: name === 'openai' ? 'Check OPENAI_API_KEY.' : 'Check its api_key.',
    secret: apiKey,
  };
  const headers: Record<string, string> = {
    ...(apiKey === undefined ? {} : isAzure ? { 'api-key': apiKey } : { authorization: `Bearer ${apiKey}` }),
    ...options.headers,
  };
  const load = async () => {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    return createOpenAICompatible({
      name,
      baseURL: root,
      headers,
      fetch,
      includeUsage: true,
      supportsStructuredOutputs: options.structuredOutputs ?? true,
      ...(Object.keys(queryParams).length === 0 ? {} : { queryParams }),
      transformRequestBody: (body: Record<string, unknown>) => ({
        ...(isOpenAI || isAzure ? adaptToReasoningModels(body) : body),
        ...relaxSchema(body),
      }),
    });
  };
  let loading: ReturnType<typeof load> | undefined;
  const provider = createAiSdkProvider({
    ...options,
    name,
    upstream,
    capabilities: {
      tools: true,
      structuredOutput: options.structuredOutputs ?? true,
      images: true,
      embeddings: false,
    },
    systemFirst: false,
    loadModel: async (model) => (await (loading ??= load())).chatModel(model),
    async fetchModels({ signal }) {
      const query = url.search;
      const body = await fetchJson({
        fetch,
        upstream,
        url: `${root}/models${query}`,
        headers,
        signal,
        nowMs: clock.now(),
      });
      return readModels(body, name);
    },
  });
  if (options.request === undefined) return provider;
  const { request, wireShapes: shapes } = options;
  return {
    ...provider,
    ...createOpenAIForward({
      ...options,
      request,
      upstream,
      baseUrl,
      headers,
      ...(shapes === undefined ? {} : { shapes }),
    }),
  };
}

/** Strict schemas must forbid additional properties everywhere; ours come from users, so the server is asked to be lenient. */
function relaxSchema(body: Record<string, unknown>): Record<string, unknown> {
  const format = body['response_format'];
  if (!isJsonObject(format) || !isJsonObject(format['json_schema'])) return {};
  return { response_format: { ...format, json_schema: { ...format['json_schema'], strict: false } } };
}
