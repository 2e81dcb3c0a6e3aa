/** So much may wait for a slow reader before the other side has to wait too. */
const mostWaitingBytes = 65_536;

/**
 * Bytes between who sends and who reads, one promise for each reading. What came while nobody read is handed over in one
 * piece. A failure comes after everything that came before it.
 */
export class ByteQueue {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #ended = false;
  #failure: unknown;
  #reader: PromiseWithResolvers<Buffer | undefined> | undefined;

  get ended(): boolean {
    return this.#ended;
  }

  /** Returns true when the sender should pause. */
  push(chunk: Buffer): boolean {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(chunk);
      return false;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    return this.#waitingBytes >= mostWaitingBytes;
  }

  /** The sender is through, or has failed; only the first call counts. */
  end(failure?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    const reader = this.#reader;
    this.#reader = undefined;
    if (failure === undefined) reader?.resolve(undefined);
    else reader?.reject(failure);
  }

  /** Forgets what waits: nobody will read it. */
  clear(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** The next bytes, `undefined` at the end. `onRoom` is called when the sender may go on. */
  next(onRoom: () => void): Promise<Buffer | undefined> {
    const [only] = this.#waiting;
    if (only !== undefined) {
      const all = this.#waiting.length === 1 ? only : Buffer.concat(this.#waiting);
      const wasFull = this.#waitingBytes >= mostWaitingBytes;
      this.clear();
      if (wasFull && !this.#ended) onRoom();
      return Promise.resolve(all);
    }
    if (this.#ended)
      return this.#failure === undefined ? Promise.resolve(undefined) : Promise.reject(this.#failure);
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }
}
