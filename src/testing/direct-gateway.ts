import { AppError } from '../base/index.ts';
import { beginBytes } from '../capabilities/models/gateway/begin-bytes.ts';
import { emptyModelList } from '../capabilities/models/index.ts';
import type {
  CallRoute,
  Deployment,
  GatewayAnswer,
  LLMProvider,
  ModelEvent,
  ModelGateway,
} from '../capabilities/models/index.ts';
import { deploymentOf } from './dispatcher-ground.ts';

/** A deployment with nothing but a provider and a model. */
export function plainDeployment(provider: LLMProvider, model: string): Deployment {
  return deploymentOf('direct', {
    id: 'direct',
    providerKind: provider.name,
    provider: () => provider,
    model,
  });
}

async function firstOf(events: AsyncIterable<ModelEvent>): Promise<AsyncIterable<ModelEvent>> {
  const iterator = events[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) throw new AppError('upstream_error', 'no answer');
  const begin = first.value;
  if (begin.type === 'error') throw begin.error;
  return (async function* () {
    yield begin;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
}

/** A gateway that calls the given deployments in turn until one begins: no limits, no cool-down, no cache. */
export function createDirectGateway(
  ...deployments: readonly [Deployment, ...(readonly Deployment[])]
): ModelGateway & { readonly outcomes: { status: string; usage: unknown; estimated: boolean }[] } {
  const outcomes: { status: string; usage: unknown; estimated: boolean }[] = [];

  async function inTurn<T>(
    attempt: (io: Parameters<typeof beginBytes>[0]) => Promise<T>,
    signal: AbortSignal,
  ): Promise<{ value: T; route: CallRoute }> {
    let failure: unknown;
    for (const [index, deployment] of deployments.entries()) {
      const provider = deployment.provider();
      const { params, model } = deployment;
      try {
        const io = { deployment, provider, params, maxOutputTokens: undefined, signal, attempt: index + 1 };
        return {
          value: await attempt(io),
          route: {
            deployment: deployment.id,
            provider: provider.name,
            model,
            attempts: index + 1,
            groups: [deployment.group],
            overheadMs: 0,
            cache: 'off',
            offline: false,
          },
        };
      } catch (error) {
        failure = error;
        if (signal.aborted) break;
      }
    }
    if (!(failure instanceof AppError)) throw failure;
    throw new AppError(failure.code, failure.message, {
      details: { ...failure.details, attempts: deployments.length },
      retryable: failure.retryable,
      cause: failure,
    });
  }

  const empty = emptyModelList(120_000);
  return {
    outcomes,
    list: () => empty,
    async open({ wire, request, stream, signal }): Promise<GatewayAnswer> {
      const { value, route } = await inTurn(async (io) => {
        if (wire !== undefined && io.provider.wireShapes?.includes(wire.shape) === true) {
          const begun = await beginBytes(io, wire, { stream, inputTokens: () => 7 });
          begun.done.then(
            (outcome) => outcomes.push(outcome as never),
            () => {},
          );
          return { kind: 'bytes' as const, ...begun.value };
        }
        const asked = { ...request(), model: io.deployment.model };
        return { kind: 'events' as const, events: await firstOf(io.provider.stream(asked, { signal })) };
      }, signal);
      return { route, ...value };
    },
    async embed({ wire, request, signal }) {
      const { value, route } = await inTurn(async (io) => {
        if (wire !== undefined && io.provider.wireShapes?.includes(wire.shape) === true) {
          const begun = await beginBytes(io, wire, { stream: false, inputTokens: () => 7 });
          return { kind: 'bytes' as const, ...begun.value };
        }
        if (io.provider.embed === undefined) throw new AppError('model_rejected', 'no embeddings');
        const response = await io.provider.embed({ ...request(), model: io.deployment.model }, { signal });
        return { kind: 'vectors' as const, response };
      }, signal);
      return { route, ...value };
    },
    async rerank({ request, signal }) {
      const { value, route } = await inTurn(async (io) => {
        if (io.provider.rerank === undefined) throw new AppError('model_rejected', 'no ranking');
        return io.provider.rerank({ ...request(), model: io.deployment.model }, { signal });
      }, signal);
      return { route, response: value };
    },
    explain: () => Promise.resolve([]),
    permitted: () => Promise.resolve(() => true),
    states: () => [],
    clearCache: () => Promise.resolve(),
  };
}
