import { Transform, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError } from '../../base/index.ts';
import { toEgressError } from './egress-error.ts';

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  deflate: createInflate,
};

/** Lets go of a body that nobody will read; its complaint about that is of no interest. */
export function discard(body: Readable): void {
  body.on('error', () => {}).destroy();
}

/** The body as it was before the transport compressed it. */
export function decoded(body: Readable, encodings: string | undefined, host: string): Readable {
  let result = body;
  const names = (encodings ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  // Applied first is named first, so it comes off last. More than two layers serve only to exhaust the reader.
  for (const name of names.toReversed()) {
    const create = Object.hasOwn(decoders, name) && names.length <= 2 ? decoders[name] : undefined;
    if (create === undefined) {
      discard(body);
      throw new AppError(
        'upstream_error',
        `the answer of "${host}" has the unknown encoding "${names.join(', ').slice(0, 50)}"`,
      );
    }
    const inner = result;
    const decoder = create();
    inner.on('error', (error) => decoder.destroy(error));
    decoder.on('close', () => inner.destroy());
    result = inner.pipe(decoder);
  }
  return result;
}

/** Counts bytes and says when there were too many. */
function createByteLimit(mostBytes: number, host: string): (chunk: Uint8Array) => void {
  let bytes = 0;
  return (chunk) => {
    bytes += chunk.length;
    if (bytes > mostBytes)
      throw new AppError('payload_too_large', `the answer of "${host}" is larger than ${mostBytes} bytes`);
  };
}

/** The body up to its largest size, its failures as errors of the client. */
export function capped(
  body: Readable,
  limits: { mostBytes: number; host: string; signal: AbortSignal | undefined },
): Readable {
  const { mostBytes, host, signal } = limits;
  const count = createByteLimit(mostBytes, host);
  const cap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        count(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  // A body that breaks before anyone reads it must not take the process down; whoever reads it later still learns of it.
  cap.on('error', () => {});
  body.on('error', (error) => {
    const failure = toEgressError(error, host, signal);
    cap.destroy(
      failure instanceof Error ? failure : new AppError('cancelled', `the call to "${host}" ended`),
    );
  });
  cap.on('close', () => body.destroy());
  return body.pipe(cap);
}

/** The same for an answer of `fetch`. */
export function cappedResponse(response: Response, mostBytes: number, host: string): Response {
  if (response.body === null) return response;
  const count = createByteLimit(mostBytes, host);
  const cap = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      count(chunk);
      controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers, url } = response;
  const limited = new Response(response.body.pipeThrough(cap), { status, statusText, headers });
  return Object.defineProperty(limited, 'url', { value: url });
}
