import type { LanguageModelV4CallOptions } from '@ai-sdk/provider';
import { isJsonObject, type Clock, type JsonObject } from '../../../base/index.ts';
import { embedWithSdk } from './ai-sdk-embedding.ts';
import { toCallOptions, type PromptDialect } from './ai-sdk-prompt.ts';
import { createAiSdkProvider } from './ai-sdk-provider.ts';
import type { CallTimes } from './call-limits.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { editingFetch } from './editing-fetch.ts';
import { fetchJson } from './fetch-json.ts';
import { readForeignExtra } from './foreign-extra.ts';
import { shownAddress, type Upstream } from './provider-error.ts';
import type { LLMProvider, ModelInfo, ModelRequest } from '../provider.ts';

/** Where Google's Gemini API is. */
export interface GoogleOptions extends CallTimes {
  /** Name under which the router knows it. Default `google`. */
  readonly name?: string;
  /** Default `https://generativelanguage.googleapis.com/v1beta`. */
  readonly baseUrl?: string;
  readonly apiKey: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

const dialect: PromptDialect = { systemFirst: true, namespaces: ['google'] };

/** Names that LiteLLM's users write, in Google's own. */
const ownNames: Readonly<Record<string, string>> = {
  safety_settings: 'safetySettings',
  cached_content: 'cachedContent',
  generation_config: 'generationConfig',
};

/** Call options of the SDK, and the fields that must be written into the body by their own names. */
function googleCall(request: ModelRequest): {
  readonly options: LanguageModelV4CallOptions;
  readonly fields: JsonObject;
} {
  const { options, thinking, rest } = readForeignExtra(request.extra, request.settings?.maxTokens);
  const off = thinking?.type === 'disabled' || options.reasoning === 'none';
  const thinkingConfig = {
    ...(thinking?.budgetTokens === undefined ? {} : { thinkingBudget: thinking.budgetTokens }),
    ...(thinking?.type === 'disabled' ? { thinkingBudget: 0 } : {}),
    ...(off || (thinking === undefined && options.reasoning === undefined) ? {} : { includeThoughts: true }),
  };
  const asked = Object.keys(thinkingConfig).length > 0;
  return {
    fields: Object.fromEntries(Object.entries(rest).map(([key, value]) => [ownNames[key] ?? key, value])),
    options: toCallOptions(request, dialect, {
      ...options,
      ...(asked ? { providerOptions: { google: { thinkingConfig } } } : {}),
    }),
  };
}

function readModel(model: unknown, provider: string): ModelInfo[] {
  if (!isJsonObject(model) || typeof model['name'] !== 'string') return [];
  const { inputTokenLimit: context, outputTokenLimit: output, supportedGenerationMethods: methods } = model;
  return [
    {
      id: model['name'].replace(/^models\//, ''),
      provider,
      ...(typeof context === 'number' ? { contextWindow: context } : {}),
      ...(typeof output === 'number' ? { maxOutputTokens: output } : {}),
      ...(Array.isArray(methods)
        ? { capabilities: (methods as unknown[]).filter((one) => typeof one === 'string') }
        : {}),
    },
  ];
}

/** Google's Gemini API. */
export function createGoogleProvider(options: GoogleOptions): LLMProvider {
  const { name = 'google', apiKey, clock } = options;
  const fetch = connectingFetch(options.fetch);
  const root = shownAddress(options.baseUrl ?? 'https://generativelanguage.googleapis.com/v1beta');
  const headers = { ...options.headers };
  const upstream: Upstream = {
    label: 'Google',
    address: root,
    keyHint: name === 'google' ? 'Check GEMINI_API_KEY.' : 'Check its api_key.',
    secret: apiKey,
    secrets: Object.values(headers),
  };
  const load = async (fields: JsonObject) => {
    const { createGoogle } = await import('@ai-sdk/google');
    return createGoogle({ baseURL: root, apiKey, headers, fetch: editingFetch(fetch, fields) });
  };
  return createAiSdkProvider({
    ...options,
    name,
    upstream,
    capabilities: { tools: true, structuredOutput: true, images: true, embeddings: true, documents: true },
    async prepare(request) {
      const call = googleCall(request);
      return { model: (await load(call.fields)).languageModel(request.model), options: call.options };
    },
    async fetchModels({ signal }) {
      const body = await fetchJson({
        fetch,
        upstream,
        url: `${root}/models?pageSize=1000`,
        headers: { 'x-goog-api-key': apiKey, ...headers },
        signal,
        nowMs: clock.now(),
      });
      const list = isJsonObject(body) ? body['models'] : undefined;
      if (!Array.isArray(list)) throw new SyntaxError('no list of models');
      return (list as unknown[]).flatMap((model) => readModel(model, name));
    },
    embed: async (request, { signal }) =>
      embedWithSdk((await load(request.extra ?? {})).embeddingModel(request.model), request, { signal }),
  });
}
