import type { FastifyReply } from 'fastify';
import type { Clock } from '../../base/index.ts';

const heartbeatMs = 15_000;
/** A reader that takes nothing for so long is gone. */
const stuckMs = 60_000;

/** One server-sent event; `data` is JSON, so it has no line breaks. */
export interface SseEvent {
  readonly id?: number | string;
  readonly event?: string;
  readonly data: string;
}

/**
 * Server-sent events over a reply. The answer begins with the first write, so that an error before it can still have its
 * own status. While nothing is said, a comment goes out every 15 s.
 */
export class SseStream {
  readonly #reply: FastifyReply;
  readonly #clock: Clock;
  readonly #stopHeartbeat: () => void;
  #silent = true;
  #opened = false;
  #draining = false;

  constructor(reply: FastifyReply, clock: Clock) {
    this.#reply = reply;
    this.#clock = clock;
    this.#stopHeartbeat = clock.every(heartbeatMs, () => {
      if (this.#silent && !this.#draining) this.#write(': keep-alive\n\n');
      this.#silent = true;
    });
  }

  /** Has anything been sent? From then on the status cannot change any more. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Begins the answer without an event. */
  open(): void {
    if (this.#opened) return;
    this.#opened = true;
    this.#reply.hijack();
    const { raw } = this.#reply;
    raw.writeHead(200, {
      ...(this.#reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    raw.flushHeaders();
  }

  /** Writes an event and waits while the reader is slower than we are; a reader that is gone is no error. */
  async send({ id, event, data }: SseEvent): Promise<void> {
    const head = (id === undefined ? '' : `id: ${id}\n`) + (event === undefined ? '' : `event: ${event}\n`);
    if (!this.#write(`${head}data: ${data}\n\n`)) await this.#drained();
  }

  /** Ends the answer. Without any write before, nothing is sent and the reply can be used otherwise. */
  end(): void {
    this.#stopHeartbeat();
    if (this.#opened) this.#reply.raw.end();
  }

  /** True when more may be written at once. */
  #write(text: string): boolean {
    this.open();
    this.#silent = false;
    const { raw } = this.#reply;
    return raw.destroyed || raw.write(text);
  }

  /** Resolves when the reader has caught up or is gone. */
  #drained(): Promise<void> {
    const { raw } = this.#reply;
    this.#draining = true;
    return new Promise((resolve) => {
      const cancel = this.#clock.after(stuckMs, () => raw.destroy());
      const settle = (): void => {
        cancel();
        raw.off('drain', settle);
        raw.off('close', settle);
        this.#draining = false;
        resolve();
      };
      raw.on('drain', settle);
      raw.on('close', settle);
    });
  }
}
