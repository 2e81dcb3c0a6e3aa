import type { Dispatcher } from 'undici';
import { ByteQueue } from './byte-queue.ts';
import type { ByteSource, PassedResponse } from './egress.ts';

const closed = (): Error => new Error('the answer was let go of');

/** Headers with one value each; most answers have no others. */
function joined(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  for (const name in headers) {
    const value = headers[name];
    if (Array.isArray(value)) headers[name] = value.join(', ');
  }
  return headers as Record<string, string | undefined>;
}

/** An answer as it comes from the connection, without a stream in between. */
export class PassingAnswer implements Dispatcher.DispatchHandler, ByteSource {
  /** Resolves with the head of the answer. */
  readonly head: Promise<PassedResponse>;
  readonly #signal: AbortSignal | undefined;
  readonly #queue = new ByteQueue();
  readonly #resolve: (response: PassedResponse) => void;
  readonly #reject: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;

  constructor(signal: AbortSignal | undefined) {
    const { promise, resolve, reject } = Promise.withResolvers<PassedResponse>();
    this.head = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#queue.ended) controller.abort(closed());
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status >= 200) this.#resolve({ status, headers: joined(headers), body: this });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#queue.push(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  next(): Promise<Buffer | undefined> {
    return this.#queue.next(this.#onRoom);
  }

  destroy(): void {
    this.#stop(closed());
  }

  readonly #onAbort = (): void => this.#stop(this.#signal?.reason);

  readonly #onRoom = (): void => this.#controller?.resume();

  #stop(reason: unknown): void {
    if (this.#queue.ended) return;
    this.#queue.clear();
    this.#end(reason);
    this.#controller?.abort(reason instanceof Error ? reason : closed());
  }

  #end(failure: unknown): void {
    if (this.#queue.ended) return;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#queue.end(failure);
    // Where the head has come already, this changes nothing.
    if (failure !== undefined) this.#reject(failure);
  }
}
