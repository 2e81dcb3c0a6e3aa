import type { Readable } from 'node:stream';
import { ByteQueue } from './byte-queue.ts';
import type { ByteSource } from './egress.ts';

const closed = (): Error => new Error('the stream was closed');

/** A stream as a source of bytes: cheaper to read than by its own iterator. */
export class StreamSource implements ByteSource {
  readonly #body: Readable;
  readonly #queue = new ByteQueue();

  constructor(body: Readable) {
    this.#body = body;
    body.on('data', (chunk: Buffer) => {
      if (this.#queue.push(chunk)) body.pause();
    });
    body.once('end', () => this.#queue.end());
    body.on('error', (error) => this.#queue.end(error));
    // Destroyed without an error, by ourselves or by a transport that says nothing.
    body.once('close', () => {
      if (!this.#queue.ended) this.#queue.end(closed());
    });
  }

  next(): Promise<Buffer | undefined> {
    return this.#queue.next(this.#onRoom);
  }

  destroy(): void {
    if (this.#queue.ended) return;
    this.#queue.clear();
    this.#queue.end(closed());
    this.#body.destroy();
  }

  readonly #onRoom = (): void => void this.#body.resume();
}
