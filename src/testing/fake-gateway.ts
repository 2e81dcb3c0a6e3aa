import { AppError } from '../base/index.ts';
import {
  emptyModelList,
  type CallRoute,
  type DeploymentState,
  type GatewayAnswer,
  type GatewayCall,
  type GatewayEmbeddings,
  type ModelGateway,
  type ModelList,
  type ModelRouter,
  type RerankResponse,
  type RouteStep,
} from '../capabilities/models/index.ts';

type EmbedCall = Parameters<ModelGateway['embed']>[0];
type RerankCall = Parameters<ModelGateway['rerank']>[0];

/** The way that answers of a fake gateway have gone. */
export const fakeRoute: CallRoute = {
  deployment: 'dep-1',
  provider: 'fake',
  model: 'fast',
  attempts: 1,
  groups: ['chat'],
  overheadMs: 0.4,
  cache: 'off',
  offline: false,
};

/** One scripted answer, or what the call rejects with. */
export type ScriptedAnswer = (call: GatewayCall) => GatewayAnswer | Promise<GatewayAnswer>;

/** An answer in the bytes of an upstream. */
export function bytesAnswer(
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  options: { readonly contentType?: string; readonly route?: Partial<CallRoute> } = {},
): GatewayAnswer {
  async function* body(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  }
  return {
    kind: 'bytes',
    route: { ...fakeRoute, ...options.route },
    status: 200,
    contentType: options.contentType ?? 'application/json',
    headers: {},
    body: body(),
    done: Promise.resolve({ status: 'ok', usage: undefined, estimated: false }),
  };
}

/** A gateway that answers as its scripts say, in order; without one, in parts of the given router's models. */
export class FakeGateway implements ModelGateway {
  readonly calls: GatewayCall[] = [];
  readonly embedCalls: EmbedCall[] = [];
  readonly rerankCalls: RerankCall[] = [];
  readonly script: ScriptedAnswer[] = [];
  embeddings: ((call: EmbedCall) => GatewayEmbeddings) | undefined;
  models: ModelList = emptyModelList(120_000);
  ranking: ((call: RerankCall) => RerankResponse) | undefined;
  readonly #models: Pick<ModelRouter, 'resolve' | 'stream'>;

  constructor(models: Pick<ModelRouter, 'resolve' | 'stream'>) {
    this.#models = models;
  }

  async open(call: GatewayCall): Promise<GatewayAnswer> {
    this.calls.push(call);
    const scripted = this.script.shift();
    if (scripted !== undefined) return scripted(call);
    const { reference, signal } = call;
    const { id } = this.#models.resolve(reference);
    const [provider = '', ...model] = id.split('/');
    const events = this.#models.stream(reference, call.request(), { signal })[Symbol.asyncIterator]();
    const first = await events.next();
    if (first.done === true) throw new AppError('upstream_error', 'no answer');
    if (first.value.type === 'error') throw first.value.error;
    const begin = first.value;
    return {
      kind: 'events',
      route: { ...fakeRoute, provider, model: model.join('/'), offline: provider === 'offline' },
      events: (async function* () {
        yield begin;
        yield* { [Symbol.asyncIterator]: () => events };
      })(),
    };
  }

  async embed(call: EmbedCall): Promise<GatewayEmbeddings> {
    this.embedCalls.push(call);
    if (this.embeddings === undefined) throw new AppError('model_rejected', 'no embeddings here');
    return this.embeddings(call);
  }

  async rerank(call: RerankCall): Promise<{ route: CallRoute; response: RerankResponse }> {
    this.rerankCalls.push(call);
    if (this.ranking === undefined) throw new AppError('model_rejected', 'no ranking here');
    return { route: fakeRoute, response: this.ranking(call) };
  }

  /** Names that keys may not use. */
  readonly forbidden = new Set<string>();

  permitted(): Promise<(name: string) => boolean> {
    return Promise.resolve((name) => !this.forbidden.has(name));
  }

  explain(): Promise<readonly RouteStep[]> {
    return Promise.resolve([]);
  }

  states(): readonly DeploymentState[] {
    return [];
  }

  list(): ModelList {
    return this.models;
  }

  /** Tenants whose cache was cleared. */
  readonly cleared: string[] = [];

  clearCache(tenant: string): Promise<void> {
    this.cleared.push(tenant);
    return Promise.resolve();
  }
}
