import { AppError, toAppError } from '../../../base/index.ts';
import type { Usage } from '../../../protocol/index.ts';
import type { EmbeddingResponse, RerankResponse } from '../provider.ts';
import type { AttemptIo, Begun } from '../router/index.ts';
import { beginBytes } from './begin-bytes.ts';
import type { GatewayEmbeddings, ModelGateway } from './gateway.ts';
import { overridden } from './request-params.ts';

type EmbedCall = Parameters<ModelGateway['embed']>[0];
type RerankCall = Parameters<ModelGateway['rerank']>[0];
type Embedded = GatewayEmbeddings extends infer One
  ? One extends unknown
    ? Omit<One, 'route'>
    : never
  : never;

const cannot = (what: string, io: AttemptIo): AppError =>
  new AppError(
    'model_rejected',
    `The provider "${io.provider.name}" of ${io.deployment.id} offers no ${what}.`,
    // As if a server without it had been asked: nobody tries that again.
    { details: { status: 400, param: 'model' } },
  );

function ended<T extends { readonly usage: Usage }>(value: T): Begun<T> {
  return { value, done: Promise.resolve({ status: 'ok', usage: value.usage, estimated: false }) };
}

/** Asks a deployment for vectors; bytes of an upstream of the same shape stay as they are. */
export async function beginEmbedding(
  io: AttemptIo,
  call: EmbedCall,
  inputTokens: () => number,
): Promise<Begun<Embedded>> {
  const { provider, deployment, signal } = io;
  const { wire } = call;
  if (wire !== undefined && provider.wireShapes?.includes(wire.shape) === true) {
    const begun = await beginBytes(io, overridden(wire, io.overrides), { stream: false, inputTokens });
    return { value: { kind: 'bytes', ...begun.value }, done: begun.done };
  }
  if (provider.embed === undefined) throw cannot('embeddings', io);
  try {
    const response: EmbeddingResponse = await provider.embed(
      { ...call.request(), model: deployment.model },
      { signal },
    );
    const { done } = ended(response);
    return { value: { kind: 'vectors', response }, done };
  } catch (error) {
    throw signal.aborted ? toAppError(signal.reason) : toAppError(error);
  }
}

/** Asks a deployment to put documents in order. */
export async function beginRerank(io: AttemptIo, call: RerankCall): Promise<Begun<RerankResponse>> {
  const { provider, deployment, signal } = io;
  if (provider.rerank === undefined) throw cannot('rerank', io);
  try {
    return ended(await provider.rerank({ ...call.request(), model: deployment.model }, { signal }));
  } catch (error) {
    throw signal.aborted ? toAppError(signal.reason) : toAppError(error);
  }
}
