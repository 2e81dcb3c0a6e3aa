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
    const { type } = event;
    if (type === 'tool-result') return this.#tools.delete(event.callId);
    if (type === 'tool-call') this.#tools.set(event.call.id, event.call.name);
    else if (type === 'step-start') this.#isStale ||= event.step === this.#step;
    else if (type === 'text-delta') {
      if (event.step !== this.#step || this.#isStale) this.#text = '';
      this.#step = event.step;
      this.#isStale = false;
      this.#text += event.text;
    }
    return type === 'tool-call' || type === 'text-delta';
  }

  /** As Markdown; empty as long as nothing was said. */
  get text(): string {
    return this.#text.trim();
  }

  /** Names the tools in use; empty where none is. */
  get tools(): string {
    if (this.#tools.size === 0) return '';
    const names = [...new Set(this.#tools.values())].map((name) => `\`${name.replaceAll('`', '')}\``);
    return `… using ${names.join(', ')}`;
  }
}
