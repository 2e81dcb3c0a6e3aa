import type { RunEvent } from '../../../protocol/index.ts';

/** The answer of a run as far as its events tell it: the text of the newest model step, and the tools in use. */
export class PreviewText {
  #step = '';
  #text = '';
  /** The step began anew: its next words replace those of the try before. */
  #isStale = false;
  readonly #tools = new Map<string, string>();

  /** Takes in an event; true when there is something new to show. */
  take(event: RunEvent): boolean {
    switch (event.type) {
      case 'step-start':
        this.#isStale ||= event.step === this.#step;
        return false;
      case 'text-delta':
        if (event.step !== this.#step || this.#isStale) this.#text = '';
        this.#step = event.step;
        this.#isStale = false;
        this.#text += event.text;
        return true;
      case 'tool-call':
        this.#tools.set(event.call.id, event.call.name);
        return true;
      case 'tool-result':
        return this.#tools.delete(event.callId);
      default:
        return false;
    }
  }

  /** As Markdown; empty as long as there is nothing to show. */
  markdown(options: { readonly tools: boolean }): string {
    const text = this.#text.trim();
    if (!options.tools || this.#tools.size === 0) return text;
    const names = [...new Set(this.#tools.values())].map((name) => `\`${name.replaceAll('`', '')}\``);
    const line = `… using ${names.join(', ')}`;
    return text === '' ? line : `${text}\n\n${line}`;
  }
}
