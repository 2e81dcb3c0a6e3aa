import type { Clock } from '../../base/index.ts';

const longestWaitMs = 100;
const mostCharacters = 16_384;

/** Where lines go in the end. */
export interface LineSink {
  write(text: string): void;
}

/**
 * Gathers the lines of ordinary traffic, so that a request does not cost a system call. They are written after 100 ms, when
 * there are many, before a line that is urgent, and when the process ends; `kill -9` loses what the last 100 ms brought.
 */
export class BatchedLines {
  readonly #sink: LineSink;
  readonly #clock: Clock;
  #waiting = '';
  #cancel: (() => void) | undefined;

  constructor(sink: LineSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  write(line: string, urgent: boolean): void {
    this.#waiting += line;
    if (urgent || this.#waiting.length >= mostCharacters) this.flush();
    else this.#cancel ??= this.#clock.after(longestWaitMs, () => this.flush());
  }

  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const text = this.#waiting;
    this.#waiting = '';
    if (text !== '') this.#sink.write(text);
  }
}
