import type { FastifyReply } from 'fastify';
import type { Clock } from '../../../base/index.ts';

const keepAliveMs = 15_000;
/** A reader that takes nothing for so long is gone. */
const stuckMs = 60_000;

/**
 * The bytes of an answer that is not Fastify's to write. Nothing is sent before the first write, so that an error until
 * then can still have its own status.
 */
export class AnswerWriter {
  readonly #reply: FastifyReply;
  readonly #clock: Clock;
  #stopKeepAlive: (() => void) | undefined;
  #silent = true;
  #draining = false;

  constructor(reply: FastifyReply, clock: Clock) {
    this.#reply = reply;
    this.#clock = clock;
  }

  /** Has the head been sent? */
  get begun(): boolean {
    return this.#reply.raw.headersSent;
  }

  /** Nobody reads any more. */
  get gone(): boolean {
    return this.#reply.raw.destroyed;
  }

  /** Says something every 15 s while there is nothing else to say; the first time also sends the head. */
  keepAlive(text: string, beginAs: string): void {
    if (text === '' || this.#stopKeepAlive !== undefined) return;
    this.#stopKeepAlive = this.#clock.every(keepAliveMs, () => {
      if (this.#silent && !this.#draining && !this.gone) {
        this.begin(200, beginAs);
        this.#reply.raw.write(text);
      }
      this.#silent = true;
    });
  }

  /** Sends the head of a stream, once. */
  begin(status: number, contentType: string, headers?: Readonly<Record<string, string>>): void {
    if (this.begun) return;
    this.#head(status, {
      ...headers,
      'content-type': contentType,
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
  }

  /** Sends a whole answer. */
  whole(
    status: number,
    contentType: string,
    body: Uint8Array,
    headers?: Readonly<Record<string, string>>,
  ): void {
    this.#head(status, { ...headers, 'content-type': contentType, 'content-length': String(body.length) });
    this.#reply.raw.end(body);
    this.#end();
  }

  /** Writes; a promise when the reader is slower than we are, which resolves when it has caught up or is gone. */
  write(data: string | Uint8Array): Promise<void> | undefined {
    this.#silent = false;
    const { raw } = this.#reply;
    return raw.destroyed || raw.write(data) ? undefined : this.#drained();
  }

  /** Ends the answer; where nothing was sent, the reply can still be used otherwise. */
  end(): void {
    this.#end();
    if (this.begun && !this.#reply.raw.writableEnded) this.#reply.raw.end();
  }

  /** Breaks the connection: the only way to say that an answer of announced length is not whole. */
  destroy(): void {
    this.#end();
    this.#reply.raw.destroy();
  }

  #head(status: number, headers: Readonly<Record<string, string>>): void {
    this.#reply.hijack();
    this.#reply.raw.writeHead(status, {
      ...(this.#reply.getHeaders() as Record<string, string>),
      ...headers,
    });
  }

  #end(): void {
    this.#stopKeepAlive?.();
    this.#stopKeepAlive = undefined;
  }

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
