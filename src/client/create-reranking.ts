import { APICallError, InvalidResponseDataError, type RerankingModelV4 } from '@ai-sdk/provider';

interface Ranked {
  readonly index: number;
  readonly relevance_score: number;
}

function isRanked(value: unknown): value is Ranked {
  const one = value as Partial<Ranked> | null;
  return typeof one?.index === 'number' && typeof one.relevance_score === 'number';
}

/** Makes ranking models of the AI SDK that ask `POST /v1/rerank`. */
export function createReranking(server: {
  readonly root: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
}): (model: string) => RerankingModelV4 {
  const url = `${server.root}/rerank`;
  return (modelId) => ({
    specificationVersion: 'v4',
    provider: 'agent33.rerank',
    modelId,
    async doRerank({ documents, query, topN, abortSignal, headers }) {
      const body = {
        model: modelId,
        query,
        documents:
          documents.type === 'text' ? documents.values : documents.values.map((one) => JSON.stringify(one)),
        ...(topN === undefined ? {} : { top_n: topN }),
      };
      const given = Object.entries(headers ?? {}).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      );
      const response = await server.fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...server.headers, ...Object.fromEntries(given) },
        body: JSON.stringify(body),
        ...(abortSignal === undefined ? {} : { signal: abortSignal }),
      });
      const text = await response.text();
      const answerHeaders = Object.fromEntries(response.headers);
      if (!response.ok)
        throw new APICallError({
          message: `Agent33 answered ${response.status}: ${text.slice(0, 300)}`,
          url,
          requestBodyValues: body,
          statusCode: response.status,
          responseHeaders: answerHeaders,
          responseBody: text,
        });
      const answer = JSON.parse(text) as { readonly results?: unknown; readonly model?: unknown };
      const results: unknown = answer.results;
      if (!Array.isArray(results) || !(results as unknown[]).every(isRanked))
        throw new InvalidResponseDataError({ data: answer, message: 'the answer holds no list of results' });
      return {
        ranking: (results as Ranked[]).map(({ index, relevance_score: relevanceScore }) => ({
          index,
          relevanceScore,
        })),
        response: {
          modelId: typeof answer.model === 'string' ? answer.model : modelId,
          headers: answerHeaders,
          body: answer,
        },
      };
    },
  });
}
