import { toAppError } from '../../../base/index.ts';
import { readWireJson, usageOfTail } from '../providers/read-wire-json.ts';
import { brokenAnswer } from '../providers/wire-error.ts';
import type { Begun } from '../router/index.ts';
import { insteadOfAnswer, type ByteAnswer, type PassContext } from './pass-context.ts';
import { toStreamError } from '../providers/stream-error.ts';

/** About how many bytes of an answer a token has, where nobody counted. */
const bytesPerToken = 4;
/** Longer answers are passed on before they are whole. */
const mostGatheredBytes = 8 * 1024 * 1024;

async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Reads an answer that is no stream to its end, as long as it is of an ordinary size. */
export async function passWhole(context: PassContext): Promise<Begun<ByteAnswer>> {
  const { source, response, wire } = context;
  const chunks: Buffer[] = [];
  let size = 0;
  let chunk = await source.next();
  for (; chunk !== undefined && size <= mostGatheredBytes; chunk = await source.next()) {
    chunks.push(chunk);
    size += chunk.length;
  }
  const [first] = chunks;
  if (first === undefined || size === 0)
    throw insteadOfAnswer(context, 'closed the connection without an answer.');
  const head = { status: response.status, contentType: 'application/json', headers: response.headers };
  const body = chunks.length === 1 ? first : Buffer.concat(chunks);
  if (chunk !== undefined) return passLong(context, head, [body, chunk]);
  const { verdict, report, usage } = readWireJson(wire.shape, body);
  if (verdict === 'unreadable') throw insteadOfAnswer(context, 'answered with something that is no JSON.');
  if (verdict === 'error')
    throw response.toError?.(report ?? null) ?? insteadOfAnswer(context, 'answered with an error.');
  const done = Promise.resolve({
    status: 'ok',
    usage: usage ?? {
      inputTokens: context.inputTokens(),
      outputTokens: wire.shape === 'openai-embeddings' ? 0 : Math.ceil(size / bytesPerToken),
      costUsd: null,
    },
    estimated: usage === undefined,
  });
  return { value: { ...head, body: one(body), done }, done };
}

/** Passes an answer on that is too long to be gathered. */
function passLong(
  context: PassContext,
  head: Pick<ByteAnswer, 'status' | 'contentType' | 'headers'>,
  begin: readonly Buffer[],
): Begun<ByteAnswer> {
  const { io, source, wire, inputTokens } = context;
  const { promise: done, resolve } = Promise.withResolvers<Awaited<ByteAnswer['done']>>();
  let tail = begin.at(-1) ?? Buffer.alloc(0);
  const end = (status: string): void => {
    const usage = status === 'ok' ? usageOfTail(wire.shape, tail) : undefined;
    resolve({
      status,
      usage: usage ?? { inputTokens: inputTokens(), outputTokens: 0, costUsd: null },
      estimated: usage === undefined,
    });
  };
  io.signal.addEventListener('abort', () => end(toStreamError(io.signal.reason).code), { once: true });
  async function* body(): AsyncGenerator<Uint8Array> {
    let status = 'cancelled';
    try {
      yield* begin;
      for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) {
        tail = Buffer.concat([tail.subarray(-8192), chunk]);
        yield chunk;
      }
      status = 'ok';
    } catch (error) {
      const failure = io.signal.aborted
        ? toAppError(io.signal.reason)
        : brokenAnswer(`The provider "${io.provider.name}"`, error);
      status = failure.code;
      throw failure;
    } finally {
      end(status);
      source.destroy();
    }
  }
  return { value: { ...head, body: body(), done }, done };
}
