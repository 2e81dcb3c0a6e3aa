import { AppError } from '../../base/index.ts';

interface Waiter {
  readonly exclusive: boolean;
  readonly start: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The order in which callers use the single connection of the embedded database. Plain statements may be under way
 * together (the worker runs them one after the other); a transaction has the connection for itself. First come, first
 * served.
 */
export class PgliteLock {
  readonly #waiting: Waiter[] = [];
  #held = false;

  /** Calls `send` as soon as no transaction is open; synchronously, so that none can slip in between. */
  shared<T>(send: () => Promise<T>): Promise<T> {
    if (!this.#held && this.#waiting.length === 0) return send();
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ exclusive: false, start: () => void send().then(resolve, reject), reject });
    });
  }

  /** Resolves with the function that gives the connection back; it may be called twice. */
  async exclusive(): Promise<() => void> {
    if (this.#held || this.#waiting.length > 0) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push({ exclusive: true, start: resolve, reject });
      });
    } else {
      this.#held = true;
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#held = false;
      this.#next();
    };
  }

  /** Turns away all who wait. */
  rejectWaiting(message: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new AppError('storage_unavailable', message));
  }

  #next(): void {
    while (!this.#held) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.exclusive) this.#held = true;
      next.start();
    }
  }
}
