import type { LanguageModelV4CallOptions } from '@ai-sdk/provider';
import { isJsonObject, type Clock, type JsonObject } from '../../../base/index.ts';
import { toCallOptions, type PromptDialect } from './ai-sdk-prompt.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { createAiSdkProvider } from './ai-sdk-provider.ts';
import type { CallTimes } from './call-limits.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { editingFetch } from './editing-fetch.ts';
import { fetchJson } from './fetch-json.ts';
import { createAnthropicForward } from './forward-anthropic.ts';
import { readForeignExtra } from './foreign-extra.ts';
import { shownAddress, type Upstream } from './provider-error.ts';
import type { LLMProvider, ModelRequest } from '../provider.ts';

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
  readonly pass?: EgressClient['pass'];
  readonly clock: Clock;
}

const dialect: PromptDialect = {
  systemFirst: true,
  namespaces: ['anthropic'],
  cacheOptions: (mark) => ({ anthropic: { cacheControl: { ...mark } } }),
};

const tiers: Readonly<Record<string, string>> = {
  auto: 'auto',
  default: 'standard_only',
  standard_only: 'standard_only',
};

/** Call options of the SDK, and the fields that must be written into the body by their own names. */
function anthropicCall(request: ModelRequest): {
  readonly options: LanguageModelV4CallOptions;
  readonly fields: JsonObject;
} {
  const extra = readForeignExtra(request.extra, request.settings?.maxTokens);
  const { anthropic_beta: betas, disable_parallel_tool_use: single, ...fields } = extra.rest;
  const { thinking } = extra;
  const tier = extra.serviceTier === undefined ? undefined : tiers[extra.serviceTier];
  const oneTool = single === true || extra.parallelToolCalls === false;
  const own: Record<string, unknown> = {
    ...(thinking === undefined ? {} : { thinking }),
    ...(oneTool ? { disableParallelToolUse: true } : {}),
    ...(extra.userId === undefined ? {} : { metadata: { userId: extra.userId } }),
    ...(tier === undefined ? {} : { serviceTier: tier }),
    ...(Array.isArray(betas) ? { anthropicBeta: betas } : {}),
  };
  const limit = request.settings?.maxTokens ?? extra.options.maxOutputTokens;
  const budget = thinking?.type === 'enabled' ? (thinking.budgetTokens ?? 0) : 0;
  return {
    fields,
    options: toCallOptions(request, dialect, {
      ...extra.options,
      // On the wire the limit holds the thinking too; the SDK adds the budget to what it is given.
      ...(limit === undefined || budget === 0 ? {} : { maxOutputTokens: Math.max(1, limit - budget) }),
      ...(Object.keys(own).length === 0 ? {} : { providerOptions: { anthropic: own as never } }),
    }),
  };
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
    secrets: Object.values(options.headers ?? {}),
  };
  const provider = createAiSdkProvider({
    ...options,
    name,
    upstream,
    capabilities: { tools: true, structuredOutput: true, images: true, embeddings: false, documents: true },
    async prepare(request) {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      const call = anthropicCall(request);
      const anthropic = createAnthropic({
        baseURL: root,
        apiKey,
        fetch: editingFetch(fetch, call.fields),
        headers: { ...options.headers },
      });
      return { model: anthropic.languageModel(request.model), options: call.options };
    },
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
      return (list as unknown[]).filter(isJsonObject).flatMap((model) => {
        if (typeof model['id'] !== 'string') return [];
        const { max_input_tokens: context, max_tokens: output } = model;
        return [
          {
            id: model['id'],
            provider: name,
            ...(typeof context === 'number' && context > 0 ? { contextWindow: context } : {}),
            ...(typeof output === 'number' && output > 0 ? { maxOutputTokens: output } : {}),
          },
        ];
      });
    },
  });
  if (options.pass === undefined) return provider;
  return { ...provider, ...createAnthropicForward({ ...options, pass: options.pass, upstream, root }) };
}
