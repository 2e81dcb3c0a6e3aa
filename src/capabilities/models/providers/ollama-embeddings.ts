import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { EmbeddedBatch } from './openai-embeddings.ts';
import type { EmbeddingRequest } from '../provider.ts';

/** Most texts that are sent to a local server in one call. */
export const ollamaBatch = 128;

/** Body of `POST /api/embed`. */
export function toOllamaEmbedding(
  request: EmbeddingRequest,
  texts: readonly string[],
  keepAlive: string | number | undefined,
): JsonObject {
  return {
    ...(keepAlive === undefined ? {} : { keep_alive: keepAlive }),
    ...request.extra,
    model: request.model,
    input: texts,
    ...(request.dimensions === undefined ? {} : { dimensions: request.dimensions }),
  };
}

/** The vectors of `/api/embed`. */
export function readOllamaEmbeddings(body: Json): EmbeddedBatch {
  const vectors = isJsonObject(body) ? body['embeddings'] : undefined;
  if (!isJsonObject(body) || !Array.isArray(vectors)) throw new SyntaxError('no list of embeddings');
  const { prompt_eval_count: tokens, model } = body;
  return {
    vectors: vectors as readonly (readonly number[])[],
    usage: { inputTokens: typeof tokens === 'number' ? tokens : 0, outputTokens: 0, costUsd: null },
    ...(typeof model === 'string' ? { model } : {}),
  };
}
