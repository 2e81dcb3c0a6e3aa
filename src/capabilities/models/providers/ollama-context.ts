import { estimateTokenCount } from 'tokenx';
import { AppError } from '../../../base/index.ts';
import { textOf } from '../../../protocol/index.ts';
import type { ModelRequest } from '../provider.ts';

/** What Ollama loads a model with when nobody says anything; longer prompts would be cut without a word. */
const ollamaDefaultContext = 4096;
/** Where nobody knows the model's own size. */
const largestGuess = 131_072;

function estimate(request: ModelRequest): number {
  const text = request.messages.map((message) => textOf(message.content)).join('\n');
  const tools = request.tools === undefined ? '' : JSON.stringify(request.tools);
  return estimateTokenCount(text + tools);
}

/**
 * Chooses `num_ctx` for each call: what the conversation needs, in powers of two, up to what the model has. It never
 * shrinks for a model, as Ollama loads a model anew for another size.
 */
export class OllamaContext {
  readonly #largest = new Map<string, number>();

  /** `undefined`: the server's default will do. Error: `context_window_exceeded` where the model is surely too small. */
  choose(request: ModelRequest, contextLength: number | undefined): number | undefined {
    const tokens = estimate(request);
    if (contextLength !== undefined && tokens > contextLength * 1.1)
      throw new AppError(
        'context_window_exceeded',
        `The conversation of about ${tokens} tokens is too long for "${request.model}", which has ${contextLength}.`,
        { details: { provider: 'Ollama' } },
      );
    // The estimate runs low on code and JSON, and the answer needs room of its own.
    const needed = tokens * 1.3 + (request.settings?.maxTokens ?? 1024);
    const before = this.#largest.get(request.model);
    if (needed <= ollamaDefaultContext && before === undefined) return undefined;
    const wanted = Math.max(before ?? 0, 2 ** Math.ceil(Math.log2(needed)));
    const size = Math.min(contextLength ?? largestGuess, wanted);
    if (this.#largest.size > 500) this.#largest.clear();
    this.#largest.set(request.model, size);
    return size;
  }

  /** Does a conversation of this size need to know the model's own? */
  isLong(request: ModelRequest): boolean {
    return (
      this.#largest.has(request.model) ||
      estimate(request) * 1.3 + (request.settings?.maxTokens ?? 1024) > ollamaDefaultContext
    );
  }
}
