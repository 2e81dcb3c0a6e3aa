import type { EmbeddingModelV4, RerankingModelV4 } from '@ai-sdk/provider';
import { noUsage } from '../../../protocol/index.ts';
import { embedInBatches } from './openai-embeddings.ts';
import type { EmbeddingRequest, EmbeddingResponse, RerankRequest, RerankResponse } from '../provider.ts';

/** Embedding models of the AI SDK from version 2 of its specification on are asked the same way. */
export type SdkEmbeddingModel = Pick<EmbeddingModelV4, 'maxEmbeddingsPerCall'> & {
  doEmbed(options: Parameters<EmbeddingModelV4['doEmbed']>[0]): PromiseLike<{
    readonly embeddings: readonly (readonly number[])[];
    readonly usage?: { readonly tokens: number } | undefined;
  }>;
};

/** Ranking models, likewise. */
export type SdkRerankingModel = Pick<RerankingModelV4, 'doRerank'>;

type Options = Parameters<EmbeddingModelV4['doEmbed']>[0]['providerOptions'];

/** Embeds with a model of the AI SDK, in batches of the size that it states. */
export async function embedWithSdk(
  model: SdkEmbeddingModel,
  request: EmbeddingRequest,
  call: { readonly signal: AbortSignal; readonly providerOptions?: Options; readonly largest?: number },
): Promise<EmbeddingResponse> {
  const stated = await model.maxEmbeddingsPerCall;
  const largest = Math.max(1, Math.min(stated ?? Infinity, call.largest ?? Infinity));
  return embedInBatches(request, largest, async (texts) => {
    const { embeddings, usage } = await model.doEmbed({
      values: [...texts],
      abortSignal: call.signal,
      ...(request.dimensions === undefined ? {} : { dimensions: request.dimensions }),
      ...(call.providerOptions === undefined ? {} : { providerOptions: call.providerOptions }),
    });
    return { vectors: embeddings, usage: { ...noUsage, inputTokens: usage?.tokens ?? 0 } };
  });
}

/** Ranks with a model of the AI SDK. */
export async function rerankWithSdk(
  model: SdkRerankingModel,
  request: RerankRequest,
  call: { readonly signal: AbortSignal },
): Promise<RerankResponse> {
  const { ranking, response } = await model.doRerank({
    query: request.query,
    documents: { type: 'text', values: [...request.documents] },
    abortSignal: call.signal,
    ...(request.top === undefined ? {} : { topN: request.top }),
  });
  return {
    results: ranking
      .map(({ index, relevanceScore }) => ({ index, score: relevanceScore }))
      .toSorted((a, b) => b.score - a.score),
    model: response?.modelId ?? request.model,
    usage: noUsage,
  };
}
