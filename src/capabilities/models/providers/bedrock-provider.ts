import type { LanguageModelV4CallOptions } from '@ai-sdk/provider';
import { isJsonObject, type Clock, type JsonObject } from '../../../base/index.ts';
import { embedWithSdk, rerankWithSdk } from './ai-sdk-embedding.ts';
import { toCallOptions, type PromptDialect } from './ai-sdk-prompt.ts';
import { createAiSdkProvider } from './ai-sdk-provider.ts';
import type { CallTimes } from './call-limits.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { fetchJson } from './fetch-json.ts';
import { readForeignExtra } from './foreign-extra.ts';
import { shownAddress, type Upstream } from './provider-error.ts';
import type { LLMProvider, ModelInfo, ModelRequest } from '../provider.ts';

/** Where Amazon Bedrock is and who calls it: a Bedrock API key, or a pair of access keys (SigV4). */
export interface BedrockOptions extends CallTimes {
  /** Name under which the router knows it. Default `bedrock`. */
  readonly name?: string;
  readonly region: string;
  /** Default `https://bedrock-runtime.REGION.amazonaws.com`; also used for lists and ranking when given. */
  readonly baseUrl?: string;
  /** Sent as bearer token. */
  readonly apiKey?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

const dialect: PromptDialect = {
  systemFirst: true,
  namespaces: ['bedrock', 'amazonBedrock'],
  cacheOptions: (mark) => ({
    bedrock: { cachePoint: { type: 'default', ...(mark.ttl === undefined ? {} : { ttl: mark.ttl }) } },
  }),
};

/** Fields of the Converse API itself; all others belong to the model behind it. */
const converseFields: ReadonlySet<string> = new Set([
  'additionalModelRequestFields',
  'additionalModelResponseFieldPaths',
  'guardrailConfig',
  'performanceConfig',
  'promptVariables',
  'requestMetadata',
]);

function bedrockCall(request: ModelRequest): LanguageModelV4CallOptions {
  const extra = readForeignExtra(request.extra, request.settings?.maxTokens);
  const entries = Object.entries(extra.rest);
  const own = Object.fromEntries(entries.filter(([key]) => converseFields.has(key)));
  const given = own['additionalModelRequestFields'];
  const forModel: JsonObject = {
    ...(isJsonObject(given) ? given : {}),
    ...Object.fromEntries(entries.filter(([key]) => !converseFields.has(key))),
  };
  const tier = extra.serviceTier;
  const fields: JsonObject = {
    ...own,
    ...(Object.keys(forModel).length === 0 ? {} : { additionalModelRequestFields: forModel }),
    ...(extra.thinking === undefined ? {} : { reasoningConfig: { ...extra.thinking } }),
    ...(tier === 'priority' || tier === 'flex' || tier === 'reserved' ? { serviceTier: tier } : {}),
  };
  return toCallOptions(request, dialect, {
    ...extra.options,
    ...(Object.keys(fields).length === 0 ? {} : { providerOptions: { bedrock: fields } }),
  });
}

function readModels(body: unknown, provider: string): ModelInfo[] {
  const list = isJsonObject(body) ? body['modelSummaries'] : undefined;
  if (!Array.isArray(list)) throw new SyntaxError('no list of models');
  return (list as unknown[]).flatMap((model) =>
    isJsonObject(model) && typeof model['modelId'] === 'string' ? [{ id: model['modelId'], provider }] : [],
  );
}

/** Amazon Bedrock's Converse API. Its models can be listed only with an API key, not with access keys. */
export function createBedrockProvider(options: BedrockOptions): LLMProvider {
  const { name = 'bedrock', region, apiKey, accessKeyId, secretAccessKey, sessionToken, clock } = options;
  const fetch = connectingFetch(options.fetch);
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const own = options.baseUrl === undefined ? undefined : shownAddress(options.baseUrl);
  const root = own ?? `https://bedrock-runtime.${region}.${suffix}`;
  const headers = { ...options.headers };
  const upstream: Upstream = {
    label: 'Amazon Bedrock',
    address: root,
    keyHint: 'Check its API key or access keys, and the region.',
    secret: apiKey,
    secrets: [accessKeyId, secretAccessKey, sessionToken, ...Object.values(headers)].filter(
      (one) => one !== undefined,
    ),
  };
  const load = async (baseURL: string) => {
    const { createAmazonBedrock } = await import('@ai-sdk/amazon-bedrock');
    // Every credential is said, so that the package looks for none in the environment by itself.
    return createAmazonBedrock({
      region,
      baseURL,
      apiKey: apiKey ?? '',
      accessKeyId: accessKeyId ?? '',
      secretAccessKey: secretAccessKey ?? '',
      ...(sessionToken === undefined ? {} : { sessionToken }),
      headers,
      fetch,
    });
  };
  return createAiSdkProvider({
    ...options,
    name,
    upstream,
    capabilities: { tools: true, structuredOutput: true, images: true, embeddings: true, documents: true },
    prepare: async (request) => ({
      model: (await load(root)).languageModel(request.model),
      options: bedrockCall(request),
    }),
    async fetchModels({ signal }) {
      if (apiKey === undefined) return [];
      const body = await fetchJson({
        fetch,
        upstream,
        url: `${own ?? `https://bedrock.${region}.${suffix}`}/foundation-models`,
        headers: { authorization: `Bearer ${apiKey}`, ...headers },
        signal,
        nowMs: clock.now(),
      });
      return readModels(body, name);
    },
    embed: async (request, { signal }) =>
      embedWithSdk((await load(root)).embeddingModel(request.model), request, {
        signal,
        ...(request.extra === undefined ? {} : { providerOptions: { bedrock: request.extra } }),
      }),
    rerank: async (request, { signal }) =>
      rerankWithSdk(
        (await load(own ?? `https://bedrock-agent-runtime.${region}.${suffix}`)).rerankingModel(
          request.model,
        ),
        request,
        { signal },
      ),
  });
}
