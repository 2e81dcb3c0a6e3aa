import { AppError } from '../../base/index.ts';
import type { EgressClient } from '../../platform/http-client/index.ts';
import type { ChannelAdapterContext } from './channel-adapter.ts';

type LifeContext = Pick<ChannelAdapterContext, 'onStatus' | 'createEgress' | 'allowPrivate'>;

/** What an adapter does between its start and its stop, and the connections that it opens. */
export class AdapterLife {
  readonly #context: LifeContext;
  readonly #run: (signal: AbortSignal) => Promise<void>;
  readonly #opened = new Set<() => Promise<void>>();
  #running: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;

  /** `run` keeps the connection until the signal aborts, or sets it up only; it never rejects. */
  constructor(context: LifeContext, run: (signal: AbortSignal) => Promise<void>) {
    this.#context = context;
    this.#run = run;
  }

  /** Aborts at the stop; `undefined` before the start and after the stop. */
  get signal(): AbortSignal | undefined {
    return this.#running?.controller.signal;
  }

  /** False when it had started before. */
  start(): boolean {
    if (this.#running !== undefined) return false;
    const controller = new AbortController();
    this.#context.onStatus('connecting');
    this.#running = { controller, done: this.#run(controller.signal) };
    return true;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running !== undefined) {
      running.controller.abort(new AppError('not_ready', 'the channel is stopping'));
      await running.done;
      this.#running = undefined;
      this.#context.onStatus('stopped');
    }
    // Also of a channel that was never started: it may have sent.
    for (const close of this.#opened) await close();
  }

  /** Connections that are opened at the first use and closed at the stop. */
  egress(limits: { readonly hosts: readonly string[]; readonly maxBodyBytes: number }): () => EgressClient {
    const { createEgress, allowPrivate } = this.#context;
    let client: EgressClient | undefined;
    this.#opened.add(async () => {
      const closing = client;
      client = undefined;
      await closing?.close();
    });
    return () => (client ??= createEgress({ ...limits, allowPrivate }));
  }
}
