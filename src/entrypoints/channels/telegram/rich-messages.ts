import { createHash } from 'node:crypto';

const longestRichText = 32_768;
const mostRemembered = 1000;
const table = /^[ \t]*\|?.*\|.*\n[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)+\|?[ \t]*$/m;
const taskList = /^[ \t]*[-*+][ \t]+\[[ xX]\][ \t]/m;
const formula = /\$\$[^$]+\$\$/;
const details = /^[ \t]*<details>/m;

/**
 * Which answers are sent as rich messages: those with something in them that ordinary messages cannot show, as long as
 * the server takes them.
 */
export class RichMessages {
  readonly #mode: 'auto' | 'off';
  readonly #refused = new Set<string>();
  #isMissing = false;

  constructor(mode: 'auto' | 'off') {
    this.#mode = mode;
  }

  /** Is a text sent as a rich message? The same until one is refused. */
  suits(markdown: string): boolean {
    if (this.#mode === 'off' || this.#isMissing || markdown.length > longestRichText) return false;
    const gains = [table, taskList, formula, details].some((pattern) => pattern.test(markdown));
    return gains && !this.#refused.has(digestOf(markdown));
  }

  /** The server has no rich messages. */
  missing(): void {
    this.#isMissing = true;
  }

  /** The server cannot read this text. */
  refuse(markdown: string): void {
    if (this.#refused.size >= mostRemembered) this.#refused.clear();
    this.#refused.add(digestOf(markdown));
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
