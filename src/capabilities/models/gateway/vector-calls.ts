import type { CacheLookup } from './answer-cache.ts';
import { beginEmbedding, beginRerank } from './begin-vectors.ts';
import { routeOf, routeOfHit } from './call-route.ts';
import type { GatewayDeps } from './create-gateway.ts';
import type { GatewayEmbeddings, ModelGateway } from './gateway.ts';
import type { GuardChain } from './guard.ts';
import { keepBytes, originOf, replayBytes } from './keep-answer.ts';
import { prepareCall } from './prepare-call.ts';

type EmbedCall = Parameters<ModelGateway['embed']>[0];
type RerankCall = Parameters<ModelGateway['rerank']>[0];
type Store = NonNullable<CacheLookup['store']>;

const asMessages = (texts: readonly string[]) => ({
  messages: texts.map((content) => ({ role: 'user' as const, content })),
});

/** The call after the guards have looked at it; its bytes are gone where they are not what was guarded. */
async function guardedTexts(call: EmbedCall, guards: GuardChain): Promise<EmbedCall> {
  if (!guards.guardsInput) return call;
  const request = call.request();
  const { texts, changed } = await guards.texts(request.texts, call.caller, call.signal);
  if (!changed) return call;
  const { wire: _wire, ...withoutBytes } = call;
  return { ...withoutBytes, request: () => ({ ...request, texts }) };
}

async function guardedDocuments(call: RerankCall, guards: GuardChain): Promise<RerankCall> {
  if (!guards.guardsInput) return call;
  const request = call.request();
  const { texts } = await guards.texts([request.query, ...request.documents], call.caller, call.signal);
  const [query = '', ...documents] = texts;
  return { ...call, request: () => ({ ...request, query, documents }) };
}

function keep(answer: GatewayEmbeddings, store: Store): GatewayEmbeddings {
  if (answer.kind === 'vectors') {
    const { vectors, usage } = answer.response;
    store({ ...originOf(answer), model: answer.response.model, kind: 'vectors', vectors, usage });
    return answer;
  }
  const { done } = answer;
  return done === undefined ? answer : { ...answer, body: keepBytes({ ...answer, done }, store) };
}

/** The calls whose answers are no text: vectors of texts, and documents in order. */
export function createVectorCalls(deps: GatewayDeps): Pick<ModelGateway, 'embed' | 'rerank'> {
  const { dispatcher, accounting, clock } = deps;
  return {
    async embed(asked) {
      const startedMs = clock.now();
      const prepared = await prepareCall(
        deps,
        { ...asked, stream: false, request: () => asMessages(asked.request().texts) },
        'embedding',
      );
      const guards = deps.guards();
      const call = await guardedTexts(asked, guards);
      const cache = deps.cache();
      const { hit, store }: CacheLookup = cache.enabled
        ? await cache.lookup(
            {
              caller: call.caller,
              model: prepared.model,
              stream: false,
              shape: call.wire?.shape ?? 'vectors',
              body: () => call.wire?.json ?? call.request(),
              guards: guards.fingerprint,
              control: call.routing?.cache ?? {},
            },
            call.signal,
          )
        : {};
      if (hit !== undefined && hit.kind !== 'events') {
        const durationMs = clock.now() - startedMs;
        const { caller } = prepared.dispatch;
        accounting.recordHit({ ...hit, caller, operation: 'embedding', stream: false, durationMs });
        const route = routeOfHit(hit, durationMs);
        if (hit.kind === 'bytes') return { route, kind: 'bytes', ...replayBytes(hit) };
        const { vectors, model, usage } = hit;
        return { route, kind: 'vectors', response: { vectors, model, usage: { ...usage, costUsd: 0 } } };
      }
      const { value, route } = await dispatcher.dispatch(prepared.dispatch, (io) =>
        beginEmbedding(io, call, prepared.inputTokens),
      );
      const answer: GatewayEmbeddings = { route: routeOf(route, cache.enabled ? 'miss' : 'off'), ...value };
      return store === undefined ? answer : keep(answer, store);
    },

    async rerank(asked) {
      const prepared = await prepareCall(
        deps,
        {
          ...asked,
          stream: false,
          request: () => {
            const { query, documents } = asked.request();
            return asMessages([query, ...documents]);
          },
        },
        'rerank',
      );
      const call = await guardedDocuments(asked, deps.guards());
      const { value, route } = await dispatcher.dispatch(prepared.dispatch, (io) => beginRerank(io, call));
      return { route: routeOf(route, 'off'), response: value };
    },
  };
}
