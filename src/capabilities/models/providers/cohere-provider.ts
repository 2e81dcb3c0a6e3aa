import { isJsonObject, type Json } from '../../../base/index.ts';
import { boundedCall, type CallBounds } from './bounded-call.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { fetchJson } from './fetch-json.ts';
import { embedInBatches, type EmbeddedBatch } from './openai-embeddings.ts';
import {
  createOpenAICompatibleProvider,
  type OpenAICompatibleOptions,
} from './openai-compatible-provider.ts';
import { shownAddress } from './provider-error.ts';
import type { LLMProvider } from '../provider.ts';
import { readRerank, toRerankBody } from './read-rerank.ts';

/** Most texts that Cohere embeds in one call. */
const largestBatch = 96;

function readEmbeddings(body: Json): EmbeddedBatch {
  const embeddings = isJsonObject(body) ? body['embeddings'] : undefined;
  const vectors = isJsonObject(embeddings) ? embeddings['float'] : embeddings;
  if (!isJsonObject(body) || !Array.isArray(vectors)) throw new SyntaxError('no list of embeddings');
  const meta = isJsonObject(body['meta']) ? body['meta'] : {};
  const billed = isJsonObject(meta['billed_units']) ? meta['billed_units'] : {};
  const tokens = billed['input_tokens'];
  return {
    vectors: vectors as readonly (readonly number[])[],
    usage: { inputTokens: typeof tokens === 'number' ? tokens : 0, outputTokens: 0, costUsd: null },
  };
}

/** Cohere: chat over its OpenAI-compatible address, embeddings and ranking over its own API (version 2). */
export function createCohereProvider(options: OpenAICompatibleOptions): LLMProvider {
  const given = options.baseUrl === undefined ? undefined : shownAddress(options.baseUrl);
  const root = given?.replace(/\/(?:compatibility\/v1|v[12])$/, '');
  const own = `${root ?? 'https://api.cohere.com'}/v2`;
  const chat = createOpenAICompatibleProvider({
    ...options,
    baseUrl: `${root ?? 'https://api.cohere.ai'}/compatibility/v1`,
  });
  const fetch = connectingFetch(options.fetch);
  const headers = {
    ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
    ...options.headers,
  };
  const bounds: CallBounds = {
    ...options,
    upstream: {
      label: 'Cohere',
      address: own,
      keyHint: options.keyHint ?? 'Check its api_key.',
      secret: options.apiKey,
      secrets: Object.values(options.headers ?? {}),
    },
  };
  const post = (path: string, body: Parameters<typeof fetchJson>[0]['body'], signal: AbortSignal) =>
    fetchJson({
      fetch,
      upstream: bounds.upstream,
      url: `${own}${path}`,
      headers,
      signal,
      nowMs: options.clock.now(),
      ...(body === undefined ? {} : { body }),
    });
  return {
    ...chat,
    embed: (request, { signal: outer }) =>
      boundedCall(bounds, outer, ({ signal }) =>
        embedInBatches(request, largestBatch, async (texts) => {
          const { model, dimensions, extra } = request;
          const body = {
            input_type: 'search_document',
            ...extra,
            model,
            texts,
            embedding_types: ['float'],
            ...(dimensions === undefined ? {} : { output_dimension: dimensions }),
          };
          return readEmbeddings(await post('/embed', body, signal));
        }),
      ),
    rerank: (request, { signal: outer }) =>
      boundedCall(bounds, outer, async ({ signal }) =>
        readRerank(await post('/rerank', toRerankBody(request), signal), request),
      ),
  };
}
