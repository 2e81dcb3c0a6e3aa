import { replaceFindings } from './rewrite-text.ts';
import type { TextScan } from './text-scan.ts';

/** So many characters before what is held are kept, to tell the beginning of a word. */
const contextLength = 64;
/** More is never held back: what was found until then is replaced, and the rest of the same word swallowed. */
const mostHeld = 16_384;
const restOfWord = /^[\w+/=.~%-]*/;

/** Text that streams past a scan: only what could still become a finding is held back. */
export class HeldText {
  readonly #guard: string;
  readonly #scan: TextScan;
  #buffer = '';
  /** Where in the buffer begins what has not been let through. */
  #from = 0;
  #swallows = false;
  #changed = false;

  constructor(guard: string, scan: TextScan) {
    this.#guard = guard;
    this.#scan = scan;
  }

  /** Was anything replaced so far? */
  get changed(): boolean {
    return this.#changed;
  }

  /** Takes the next piece; returns what can be seen by now. Error: `content_blocked`. */
  push(piece: string): string {
    this.#buffer += piece;
    if (this.#swallows) {
      const rest = this.#buffer.slice(this.#from);
      const word = restOfWord.exec(rest)?.[0].length ?? 0;
      this.#buffer = this.#buffer.slice(0, this.#from) + rest.slice(word);
      this.#swallows = word === rest.length;
    }
    return this.#release(false);
  }

  /** Nothing more comes: returns what was held. Error: `content_blocked`. */
  end(): string {
    return this.#release(true);
  }

  #release(final: boolean): string {
    const text = this.#buffer;
    const from = this.#from;
    if (from === text.length) return '';
    const found = this.#scan.find(text, from);
    let open = final ? text.length : this.#scan.openFrom(text, from);
    // What touches the open end may turn out longer, or to be nothing.
    for (const { start, end } of found.toReversed()) if (end > open) open = Math.min(open, start);
    if (text.length - open > mostHeld) {
      open = text.length;
      this.#swallows = found.at(-1)?.end === text.length;
    }
    const settled = found.filter(({ end }) => end <= open);
    if (settled.length > 0) this.#changed = true;
    const seen = replaceFindings(this.#guard, text, settled, [from, open]);
    const kept = Math.max(0, open - contextLength);
    this.#buffer = text.slice(kept);
    this.#from = open - kept;
    return seen;
  }
}
