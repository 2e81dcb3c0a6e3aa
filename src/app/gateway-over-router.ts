import { AppError } from '../base/index.ts';
import type { CallRoute, ModelGateway, ModelRouter } from '../capabilities/models/index.ts';

/** A gateway that only calls the router: no limits, no cache, no bytes. */
export function gatewayOverRouter(
  models: Pick<ModelRouter, 'resolve' | 'stream' | 'complete'>,
): ModelGateway {
  return {
    async open({ reference, request, signal, stream }) {
      const { provider, model } = models.resolve(reference);
      const route: CallRoute = {
        deployment: `${provider.name}/${model}`,
        provider: provider.name,
        model,
        attempts: 1,
        groups: [`${provider.name}/${model}`],
        overheadMs: 0,
        cache: 'off',
        offline: provider.name === 'offline',
      };
      if (!stream) {
        const { text, reasoning, toolCalls, ...end } = await models.complete(reference, request(), {
          signal,
        });
        const events = (async function* () {
          if (reasoning !== undefined) yield { type: 'reasoning-delta' as const, text: reasoning };
          if (text !== '') yield { type: 'text-delta' as const, text };
          for (const call of toolCalls) yield { type: 'tool-call' as const, call };
          yield { type: 'finish' as const, ...end };
        })();
        return { kind: 'events', route, events };
      }
      const parts = models.stream(reference, request(), { signal })[Symbol.asyncIterator]();
      const first = await parts.next();
      if (first.done === true) throw new AppError('upstream_error', 'the model gave no answer');
      if (first.value.type === 'error') throw first.value.error;
      const begin = first.value;
      const events = (async function* () {
        yield begin;
        yield* { [Symbol.asyncIterator]: () => parts };
      })();
      return { kind: 'events', route, events };
    },
    embed: () => Promise.reject(new AppError('model_rejected', 'no provider offers embeddings')),
    rerank: () => Promise.reject(new AppError('model_rejected', 'no provider offers rerank')),
    explain: () => Promise.resolve([]),
    states: () => [],
  };
}
