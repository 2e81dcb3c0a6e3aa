import type { Readable } from 'node:stream';

/** So much may wait for a slow reader before the upstream has to wait too. */
const mostWaitingBytes = 65_536;

/**
 * The chunks of a stream, one promise each: cheaper than the stream's own iterator. What came while nobody read is handed
 * over in one piece. A failure comes after everything that came before it.
 */
export class ChunkSource {
  readonly #body: Readable;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #ended = false;
  #failure: unknown;
  #reader: PromiseWithResolvers<Buffer | undefined> | undefined;

  constructor(body: Readable) {
    this.#body = body;
    body.on('data', (chunk: Buffer) => this.#take(chunk));
    body.once('end', () => this.#end(undefined));
    body.on('error', (error) => this.#end(error));
    // Destroyed without an error, by ourselves or by a transport that says nothing.
    body.once('close', () => this.#close());
  }

  /** The next bytes; `undefined` at the end. Rejects with what broke the stream. */
  next(): Promise<Buffer | undefined> {
    const chunk = this.#waited();
    if (chunk !== undefined) {
      if (!this.#ended) this.#body.resume();
      return Promise.resolve(chunk);
    }
    if (this.#ended)
      return this.#failure === undefined
        ? Promise.resolve(undefined)
        : Promise.reject(this.#failure as Error);
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** Lets go of the stream: whoever sends it is told to stop. */
  destroy(): void {
    if (this.#ended) return;
    this.#close();
    this.#body.destroy();
  }

  #waited(): Buffer | undefined {
    const [only] = this.#waiting;
    if (only === undefined) return undefined;
    const all = this.#waiting.length === 1 ? only : Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    return all;
  }

  #take(chunk: Buffer): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(chunk);
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= mostWaitingBytes) this.#body.pause();
  }

  #close(): void {
    if (!this.#ended) this.#end(new Error('the stream was closed'));
  }

  #end(failure: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) return;
    if (failure === undefined) reader.resolve(undefined);
    else reader.reject(failure);
  }
}
