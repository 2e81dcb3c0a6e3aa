const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** An event that is longer is passed on as it comes: nothing that has to be looked at is so long. */
const mostHeldBytes = 262_144;

/** What of a stream can go on: whole events, maybe after a part of an event that was too long to be held. */
export interface SsePiece {
  readonly bytes: Buffer;
  /** So many bytes at the beginning belong to such an event. */
  readonly tornBytes: number;
}

/** Offset behind the last blank line, or 0. */
function endOfEvents(bytes: Buffer): number {
  let at = bytes.lastIndexOf(lineFeed);
  while (at > 0) {
    const before = bytes[at - 1] === carriageReturn ? at - 2 : at - 1;
    if (bytes[before] === lineFeed) return at + 1;
    at = bytes.lastIndexOf(lineFeed, at - 1);
  }
  return 0;
}

/** Offset behind the first blank line; the length where there is none. */
function endOfFirstEvent(bytes: Buffer): number {
  for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) {
    const after = bytes[at + 1] === carriageReturn ? at + 2 : at + 1;
    if (bytes[after] === lineFeed) return after + 1;
  }
  return bytes.length;
}

/**
 * Cuts a stream of server-sent events between events, wherever the network has cut it. What belongs to an event that is
 * not whole yet is held back, up to 256 KiB.
 */
export class SseSplitter {
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** The last two bytes of an event that is not whole. */
  #last = 0;
  #lastButOne = 0;
  /** Within an event that was too long: its rest goes on as it comes. */
  #passing = false;

  /** Is the stream within an event of which a part has gone on? */
  get torn(): boolean {
    return this.#passing;
  }

  /** What can go on now; `undefined`: nothing yet. */
  push(chunk: Buffer): SsePiece | undefined {
    if (chunk.length === 0) return undefined;
    const across = this.#endAcross(chunk);
    const end = endOfEvents(chunk) || across;
    if (end === 0) return this.#hold(chunk);
    // While an event passes nothing is held.
    const tornBytes = this.#passing ? across || endOfFirstEvent(chunk) : 0;
    const bytes = this.#take(end === chunk.length ? chunk : chunk.subarray(0, end));
    this.#passing = false;
    this.#last = 0;
    this.#lastButOne = 0;
    if (end < chunk.length) this.#keep(chunk.subarray(end));
    return { bytes, tornBytes };
  }

  /** What is held back when the stream ends: an event without its blank line, or a torn one. */
  rest(): Buffer | undefined {
    return this.#heldBytes === 0 ? undefined : this.#take(undefined);
  }

  /** Offset behind a blank line that began before this chunk, or 0. */
  #endAcross(chunk: Buffer): number {
    const [first, second] = chunk;
    if (this.#last === lineFeed) {
      if (first === lineFeed) return 1;
      return first === carriageReturn && second === lineFeed ? 2 : 0;
    }
    return this.#last === carriageReturn && this.#lastButOne === lineFeed && first === lineFeed ? 1 : 0;
  }

  #hold(chunk: Buffer): SsePiece | undefined {
    if (!this.#passing && this.#heldBytes + chunk.length <= mostHeldBytes) {
      this.#keep(chunk);
      return undefined;
    }
    this.#passing = true;
    this.#remember(chunk);
    const bytes = this.#take(chunk);
    return { bytes, tornBytes: bytes.length };
  }

  #keep(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#remember(bytes);
  }

  #remember(bytes: Buffer): void {
    const { length } = bytes;
    this.#lastButOne = length > 1 ? (bytes[length - 2] ?? 0) : this.#last;
    this.#last = bytes[length - 1] ?? 0;
  }

  /** What is held, followed by these bytes. */
  #take(bytes: Buffer | undefined): Buffer {
    if (this.#heldBytes === 0) return bytes ?? Buffer.alloc(0);
    const all = Buffer.concat(bytes === undefined ? this.#held : [...this.#held, bytes]);
    this.#held = [];
    this.#heldBytes = 0;
    return all;
  }
}
