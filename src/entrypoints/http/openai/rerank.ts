import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { requireScope } from '../../../protocol/index.ts';
import { readRouting } from '../gateway-door/request-routing.ts';
import { routeHeaders } from '../gateway-door/route-headers.ts';
import { wireBodyOf } from '../gateway-door/wire-body.ts';
import type { RouteDeps } from '../http-deps.ts';
import { parseRequest } from './chat-request.ts';
import { modelCallOf, startModelWait } from './model-call.ts';

/** Body of `POST /v1/rerank`, as Cohere's and Jina's clients write it. */
export const rerankRequest = z
  .looseObject({
    model: z.string().min(1).max(300).describe('A name of the model list, or `provider/model`.'),
    query: z.string().min(1),
    documents: z
      .array(z.union([z.string(), z.looseObject({ text: z.string() })]))
      .min(1)
      .max(10_000),
    top_n: z.int().positive().nullish().describe('The best so many; absent: all.'),
    return_documents: z.boolean().nullish(),
  })
  .meta({ id: 'RerankRequest' });

/** `POST /v1/rerank`: documents by how well they answer a query, best first. */
export async function answerRerank(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  requireScope(request.scope, 'models:invoke');
  const routed = readRouting(request, wireBodyOf(request));
  const body = parseRequest(rerankRequest, routed.json);
  const documents = body.documents.map((document) =>
    typeof document === 'string' ? document : document.text,
  );
  const { query, top_n: top } = body;
  const wait = startModelWait(deps, reply);
  try {
    // No upstream's own form of it: Cohere's, Jina's and Voyage's differ.
    const { wire: _wire, ...call } = modelCallOf(
      { deps, request, reply, routed, wait },
      body.model,
      'openai-embeddings',
    );
    const { route, response } = await deps.gateway.rerank({
      ...call,
      request: () => ({ query, documents, ...(typeof top === 'number' ? { top } : {}) }),
    });
    reply.headers(routeHeaders(route));
    const results = response.results.slice(0, top ?? documents.length).map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(body.return_documents === true ? { document: { text: documents[index] ?? '' } } : {}),
    }));
    const { inputTokens } = response.usage;
    return {
      id: `rerank-${request.id}`,
      object: 'list',
      model: body.model,
      results,
      usage: { prompt_tokens: inputTokens, total_tokens: inputTokens },
      meta: { billed_units: { search_units: 1 }, tokens: { input_tokens: inputTokens } },
    };
  } finally {
    wait.clear();
  }
}
