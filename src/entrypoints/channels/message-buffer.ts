import type { Message } from '../../protocol/index.ts';

const longestBuffer = 100;

/** Lets a script wait for messages one by one. Keeps what arrives between two calls, from the first call on. */
export class MessageBuffer {
  readonly #waiting: ((message: Message) => void)[] = [];
  readonly #kept: Message[] = [];
  #used = false;

  push(message: Message): void {
    if (!this.#used) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(message);
    else if (this.#kept.push(message) > longestBuffer) this.#kept.shift();
  }

  next(signal?: AbortSignal): Promise<Message> {
    this.#used = true;
    const kept = this.#kept.shift();
    if (kept !== undefined) return Promise.resolve(kept);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onMessage = (message: Message): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(message);
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(onMessage), 1);
        reject(signal?.reason as Error);
      };
      this.#waiting.push(onMessage);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
