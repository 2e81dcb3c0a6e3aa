import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  NoSuchModelError,
  type EmbeddingModelV4,
  type LanguageModelV4,
  type ProviderV4,
  type RerankingModelV4,
} from '@ai-sdk/provider';
import { createReranking } from './create-reranking.ts';

/** Where an Agent33 is and who asks. */
export interface Agent33Options {
  /** Address of the server, with or without `/v1`. Default `http://127.0.0.1:8000`. */
  readonly baseUrl?: string;
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the platform's own. */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * Models of an Agent33 for the AI SDK: `agent33('chat')` is a group of the model list, `agent33('openai/gpt-5-mini')` a
 * model of a provider, `agent33('support')` an agent. Fields of our own go in
 * `providerOptions: { agent33: { tags: ['eu'], fallbacks: ['backup'] } }`.
 */
export interface Agent33Provider extends ProviderV4 {
  (model: string): LanguageModelV4;
  languageModel(model: string): LanguageModelV4;
  embeddingModel(model: string): EmbeddingModelV4;
  rerankingModel(model: string): RerankingModelV4;
}

/** The address of `/v1` below whatever was given. */
function apiRoot(baseUrl: string): string {
  const bare = baseUrl.replace(/\/+$/, '');
  return bare.endsWith('/v1') ? bare : `${bare}/v1`;
}

/**
 * A provider of the AI SDK for an Agent33's models and agents.
 *
 * ```ts
 * import { streamText } from 'ai';
 * import { createAgent33 } from 'agent33/client';
 *
 * const agent33 = createAgent33({ baseUrl: 'http://127.0.0.1:8000', apiKey: process.env.AGENT33_API_KEY });
 * const { textStream } = streamText({ model: agent33('chat'), prompt: 'Hello' });
 * ```
 */
export function createAgent33(options: Agent33Options = {}): Agent33Provider {
  const { baseUrl = 'http://127.0.0.1:8000', apiKey, headers = {}, fetch = globalThis.fetch } = options;
  const root = apiRoot(baseUrl);
  const sent = {
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    ...headers,
  };
  const openai = createOpenAICompatible({
    name: 'agent33',
    baseURL: root,
    headers: sent,
    fetch,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
  const languageModel = (model: string): LanguageModelV4 => openai.chatModel(model);
  return Object.assign((model: string) => languageModel(model), {
    specificationVersion: 'v4' as const,
    languageModel,
    embeddingModel: (model: string): EmbeddingModelV4 => openai.embeddingModel(model),
    rerankingModel: createReranking({ root, headers: sent, fetch }),
    imageModel: (model: string): never => {
      throw new NoSuchModelError({ modelId: model, modelType: 'imageModel' });
    },
  });
}
