import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { withDeadline, type Clock } from '../../../base/index.ts';
import { unavailable } from './nats-connection.ts';

const closeLimitMs = 1000;

/** Takes messages from JetStream into a small box, so that whatever is there can be had at once. */
export class MessagePump {
  readonly #clock: Clock;
  readonly #messages: ConsumerMessages;
  readonly #capacity: number;
  readonly #ended: Promise<void>;
  #box: JsMsg[] = [];
  #open = true;
  #broken = false;
  #news = (): void => {};
  #room = (): void => {};

  constructor(clock: Clock, messages: ConsumerMessages, capacity: number) {
    this.#clock = clock;
    this.#messages = messages;
    this.#capacity = capacity;
    this.#ended = this.#run();
  }

  /** What is there, `limit` at most; waits for the first. Error: `storage_unavailable` when nothing comes any more. */
  async take(limit: number, waitMs: number, signal: AbortSignal): Promise<readonly JsMsg[]> {
    if (this.#box.length === 0 && !this.#broken) {
      const deadline = withDeadline(this.#clock, waitMs, signal);
      await new Promise<void>((resolve) => {
        this.#news = resolve;
        if (deadline.signal.aborted) resolve();
        deadline.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      deadline.clear();
    }
    if (this.#box.length === 0 && this.#broken) throw unavailable();
    const taken = this.#box.splice(0, limit);
    this.#room();
    return taken;
  }

  /** Ends it, and resolves with what was not taken. */
  async close(): Promise<readonly JsMsg[]> {
    this.#open = false;
    this.#messages.stop();
    this.#room();
    const { signal, clear } = withDeadline(this.#clock, closeLimitMs);
    const late = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#ended, late]);
    clear();
    return this.#box.splice(0);
  }

  async #run(): Promise<void> {
    try {
      for await (const message of this.#messages) {
        this.#box.push(message);
        this.#news();
        if (this.#box.length >= this.#capacity && this.#open)
          await new Promise<void>((resolve) => {
            this.#room = resolve;
          });
      }
    } catch {
      // Said by `take`, which opens it again.
    }
    this.#broken = true;
    this.#news();
  }
}
