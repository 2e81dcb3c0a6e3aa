import type { Clock } from '../../base/index.ts';

interface Waiting<T> {
  readonly message: T;
  readonly admitted: (taken: boolean) => void;
  readonly cancelTimer: () => void;
}

interface MailboxOptions<T> {
  readonly clock: Clock;
  /** Messages that may wait for the handler. */
  readonly capacity: number;
  /** How long an offer waits for room. */
  readonly patienceMs: number;
  /** Must not throw. */
  readonly handle: (message: T) => Promise<void>;
}

/** Hands messages to one handler, one at a time and in order; a full box makes the sender wait for a while. */
export class OrderedMailbox<T> {
  readonly #options: MailboxOptions<T>;
  #queue: T[] = [];
  #waiting: Waiting<T>[] = [];
  /** Messages in the box, those of the batch in work included until they are begun. */
  #size = 0;
  #open = true;
  #running: Promise<void> | undefined;

  constructor(options: MailboxOptions<T>) {
    this.#options = options;
  }

  /** Resolves with true once the message is in the box; with false when there was no room in time or it is closed. */
  async offer(message: T): Promise<boolean> {
    if (!this.#open) return false;
    // Whoever waits goes first, or the order of a publisher would break.
    if (this.#size >= this.#options.capacity || this.#waiting.length > 0) return this.#waitForRoom(message);
    this.#push(message);
    this.#running ??= this.#run();
    return true;
  }

  /** Drops what was not handed over yet; the handler is not called again. */
  close(): void {
    this.#open = false;
    this.#queue = [];
    for (const { admitted, cancelTimer } of this.#waiting.splice(0)) {
      cancelTimer();
      admitted(false);
    }
  }

  /** Resolves when everything in the box has been handled. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #push(message: T): void {
    this.#queue.push(message);
    this.#size += 1;
  }

  #waitForRoom(message: T): Promise<boolean> {
    return new Promise((resolve) => {
      const entry: Waiting<T> = {
        message,
        admitted: resolve,
        cancelTimer: this.#options.clock.after(this.#options.patienceMs, () => {
          this.#waiting.splice(this.#waiting.indexOf(entry), 1);
          resolve(false);
        }),
      };
      this.#waiting.push(entry);
    });
  }

  async #run(): Promise<void> {
    // Handlers begin after the sender's own turn, as they would behind a real carrier.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      for (const message of batch) {
        if (!this.#open) break;
        this.#size -= 1;
        await this.#options.handle(message);
        this.#admitNext();
      }
    }
    this.#running = undefined;
  }

  #admitNext(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    next.cancelTimer();
    this.#push(next.message);
    next.admitted(true);
  }
}
