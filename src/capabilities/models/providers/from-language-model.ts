import { AppError, isJsonObject, systemClock, type Clock, type JsonObject } from '../../../base/index.ts';
import {
  embedWithSdk,
  rerankWithSdk,
  type SdkEmbeddingModel,
  type SdkRerankingModel,
} from './ai-sdk-embedding.ts';
import { toCallOptions } from './ai-sdk-prompt.ts';
import { createAiSdkProvider } from './ai-sdk-provider.ts';
import type { CallTimes } from './call-limits.ts';
import { readForeignExtra } from './foreign-extra.ts';
import type { LLMProvider } from '../provider.ts';
import { asModernModel, isSdkLanguageModel, type SdkLanguageModel } from './sdk-versions.ts';

/** What a provider that is made of the AI SDK's models can do beside answering. */
export interface LanguageModelProviderOptions extends CallTimes {
  /** Names that are listed; calls may name others too. Default: the model's own, where there is one. */
  readonly models?: readonly string[];
  /** Takes a JSON Schema as response format? Default true. */
  readonly structuredOutput?: boolean;
  /** Takes images? Default true. */
  readonly images?: boolean;
  readonly embeddingModel?: (model: string) => SdkEmbeddingModel;
  readonly rerankingModel?: (model: string) => SdkRerankingModel;
  readonly clock?: Clock;
}

/** Options by provider's name stay what they are; anything else is left out, as nobody knows whose it is. */
function optionsByName(rest: JsonObject): JsonObject {
  const { provider_options: snake, providerOptions: camel } = rest;
  const given = camel ?? snake;
  return isJsonObject(given) ? given : {};
}

/**
 * A provider made of a language model of the AI SDK (`LanguageModelV2`, `V3` or `V4`), or of a function that makes one
 * for a name. Options for the SDK's provider go in `extra.providerOptions`. Error: `invalid_definition`.
 *
 * ```ts
 * plugin.providers = [fromLanguageModel('acme', (model) => createAcme({ apiKey })(model), { models: ['acme-1'] })];
 * ```
 */
export function fromLanguageModel(
  name: string,
  source: SdkLanguageModel | ((model: string) => SdkLanguageModel),
  options: LanguageModelProviderOptions = {},
): LLMProvider {
  const single = isSdkLanguageModel(source) ? source : undefined;
  if (single === undefined && typeof source !== 'function')
    throw new AppError(
      'invalid_definition',
      `The provider "${name}" needs a language model of the AI SDK, or a function that makes one for a name.`,
    );
  if (single !== undefined) asModernModel(single);
  const make = (model: string): SdkLanguageModel => {
    const made: unknown = single ?? (source as (model: string) => SdkLanguageModel)(model);
    if (isSdkLanguageModel(made)) return made;
    throw new AppError(
      'invalid_definition',
      `The provider "${name}" made no language model of the AI SDK for "${model}".`,
    );
  };
  const { clock = systemClock, models = single === undefined ? [] : [single.modelId] } = options;
  const { embeddingModel, rerankingModel } = options;
  return createAiSdkProvider({
    ...options,
    name,
    clock,
    upstream: {
      label: `The provider "${name}"`,
      address: single?.provider ?? 'the AI SDK',
      keyHint: 'Check the key that it was made with.',
    },
    capabilities: {
      tools: true,
      structuredOutput: options.structuredOutput ?? true,
      images: options.images ?? true,
      embeddings: embeddingModel !== undefined,
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- a throw must be a rejection
    async prepare(request) {
      const extra = readForeignExtra(request.extra, request.settings?.maxTokens);
      const byName = optionsByName(extra.rest);
      return {
        model: asModernModel(make(request.model)),
        options: toCallOptions(
          request,
          {
            systemFirst: false,
            cacheOptions: (mark) => ({ anthropic: { cacheControl: { ...mark } } }),
          },
          {
            ...extra.options,
            ...(Object.keys(byName).length === 0 ? {} : { providerOptions: byName as never }),
          },
        ),
      };
    },
    fetchModels: () => Promise.resolve(models.map((id) => ({ id, provider: name }))),
    ...(embeddingModel === undefined
      ? {}
      : {
          embed: (request, { signal }) => embedWithSdk(embeddingModel(request.model), request, { signal }),
        }),
    ...(rerankingModel === undefined
      ? {}
      : {
          rerank: (request, { signal }) => rerankWithSdk(rerankingModel(request.model), request, { signal }),
        }),
  });
}
