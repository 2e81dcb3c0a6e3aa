import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { RerankRequest, RerankResponse } from '../provider.ts';

/** Body of `POST /rerank` as Cohere, Jina, vLLM, Together and LiteLLM take it. */
export function toRerankBody(request: RerankRequest): JsonObject {
  const { model, query, documents, top, extra } = request;
  return { ...extra, model, query, documents, ...(top === undefined ? {} : { top_n: top }) };
}

const count = (...values: readonly (Json | undefined)[]): number =>
  values.find((value) => typeof value === 'number') ?? 0;

/** Reads an answer of `POST /rerank`: `results[{index, relevance_score}]`, best first. */
export function readRerank(body: Json, request: RerankRequest): RerankResponse {
  const list = isJsonObject(body) ? (body['results'] ?? body['data']) : undefined;
  if (!isJsonObject(body) || !Array.isArray(list)) throw new SyntaxError('no list of results');
  const results = (list as readonly Json[]).map((item) => {
    const index = isJsonObject(item) ? item['index'] : undefined;
    const score = isJsonObject(item) ? (item['relevance_score'] ?? item['score']) : undefined;
    if (typeof index !== 'number' || typeof score !== 'number')
      throw new SyntaxError('a result without index and score');
    if (index < 0 || index >= request.documents.length)
      throw new SyntaxError(`a result for document ${index}, which was not sent`);
    return { index, score };
  });
  const sorted = results.toSorted((a, b) => b.score - a.score);
  const usage = isJsonObject(body['usage']) ? body['usage'] : {};
  const meta = isJsonObject(body['meta']) ? body['meta'] : {};
  const tokens = isJsonObject(meta['tokens']) ? meta['tokens'] : {};
  const billed = isJsonObject(meta['billed_units']) ? meta['billed_units'] : {};
  const { model } = body;
  return {
    results: request.top === undefined ? sorted : sorted.slice(0, request.top),
    model: typeof model === 'string' && model !== '' ? model : request.model,
    usage: {
      inputTokens: count(
        usage['prompt_tokens'],
        usage['total_tokens'],
        tokens['input_tokens'],
        billed['input_tokens'],
      ),
      outputTokens: 0,
      costUsd: null,
    },
  };
}
