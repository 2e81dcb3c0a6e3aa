import { AppError } from '../../../base/index.ts';
import type { EmbeddingResponse } from '../../../capabilities/models/index.ts';
import { callerOf } from '../gateway-door/caller-of.ts';
import { readRouting } from '../gateway-door/request-routing.ts';
import { routeHeaders } from '../gateway-door/route-headers.ts';
import { wireBodyOf } from '../gateway-door/wire-body.ts';
import type { Exchange } from '../model-door/open-answer.ts';
import { requestFault } from '../model-door/request-fault.ts';
import { admitTagged } from './ollama-target.ts';

/** Vectors of texts, by a model that makes them. Errors: as the gateway's, `invalid_request` for an agent. */
export async function embedTexts(
  exchange: Exchange,
  model: string,
  texts: readonly string[],
  dimensions?: number,
): Promise<EmbeddingResponse> {
  const { deps, request, reply, wait } = exchange;
  const target = await admitTagged(exchange, model);
  if (target.kind !== 'model') throw requestFault('model', `${target.kind}s make no embeddings`);
  const { routing, tags } = readRouting(request, wireBodyOf(request));
  const answer = await deps.gateway.embed({
    caller: callerOf(request, { tags }),
    reference: { name: target.name },
    request: () => ({ texts, ...(dimensions === undefined ? {} : { dimensions }) }),
    routing,
    signal: wait.signal,
  });
  reply.headers(routeHeaders(answer.route));
  if (answer.kind === 'vectors') return answer.response;
  throw new AppError('internal', 'bytes came for a request that was not sent as bytes');
}
