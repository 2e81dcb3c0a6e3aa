import { AppError, isJsonObject, systemClock, tryParseJson, type Clock } from '../base/index.ts';
import {
  collectResponse,
  type LLMProvider,
  type ModelCallOptions,
  type ModelCapabilities,
  type ModelEvent,
  type ModelInfo,
  type ModelRequest,
  type ModelResponse,
} from '../capabilities/models/index.ts';
import type { ToolCall } from '../protocol/index.ts';
import {
  chunksOf,
  finishReasonOf,
  type FakeToolCall,
  type FakeTurn,
  type FakeTurnSource,
} from './fake-turn.ts';

/** How a `FakeModel` behaves. */
export interface FakeModelOptions {
  /** The answers, in order. Default: the text "ok", again and again. */
  readonly turns?: readonly FakeTurnSource[];
  /** What comes after the last turn: it fails, says the last one again, or begins anew. Default `fail`. */
  readonly afterLast?: 'fail' | 'repeat-last' | 'loop';
  /** Name of the provider. Default `fake`. */
  readonly name?: string;
  /** Names that `listModels` returns. Default `['fake-model']`. */
  readonly models?: readonly string[];
  /** For `delayMs`. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** Rejects as soon as the signal aborts, and never otherwise. */
function untilAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/**
 * A model provider that plays a script, for tests and benches.
 *
 * ```ts
 * const model = new FakeModel({ turns: [{ toolCalls: [{ name: 'clock' }] }, 'It is noon.'] });
 * app.models.register(model);              // then name an agent's model `fake/any`
 * expect(model.calls).toHaveLength(2);
 * ```
 */
export class FakeModel implements LLMProvider {
  readonly name: string;
  readonly capabilities: ModelCapabilities = {
    tools: true,
    structuredOutput: true,
    images: true,
    embeddings: false,
  };
  /** Every request so far, in order. */
  readonly calls: ModelRequest[] = [];
  readonly #turns: FakeTurnSource[];
  readonly #afterLast: 'fail' | 'repeat-last' | 'loop';
  readonly #models: readonly string[];
  readonly #clock: Clock;
  #toolCalls = 0;

  constructor(options: FakeModelOptions = {}) {
    this.name = options.name ?? 'fake';
    this.#turns = [...(options.turns ?? ['ok'])];
    this.#afterLast = options.afterLast ?? (options.turns === undefined ? 'loop' : 'fail');
    this.#models = options.models ?? ['fake-model'];
    this.#clock = options.clock ?? systemClock;
  }

  /** Adds answers to the end of the script. */
  reply(...turns: readonly FakeTurnSource[]): void {
    this.#turns.push(...turns);
  }

  /** The most recent request. */
  get lastCall(): ModelRequest | undefined {
    return this.calls.at(-1);
  }

  async *stream(request: ModelRequest, { signal }: ModelCallOptions): AsyncGenerator<ModelEvent, void> {
    try {
      const turn = await this.#next(request);
      if (turn.delayMs !== undefined) await this.#clock.sleep(turn.delayMs, { signal });
      if (turn.hang === true) await untilAbort(signal);
      signal.throwIfAborted();
      if (turn.reasoning !== undefined) yield { type: 'reasoning-delta', text: turn.reasoning };
      for (const text of chunksOf(turn)) {
        signal.throwIfAborted();
        yield { type: 'text-delta', text };
      }
      if (turn.error !== undefined) throw turn.error;
      for (const call of turn.toolCalls ?? []) yield { type: 'tool-call', call: this.#toolCall(call) };
      yield {
        type: 'finish',
        finishReason: finishReasonOf(turn),
        usage: { inputTokens: 10, outputTokens: 5, costUsd: null, ...turn.usage },
        model: request.model,
      };
    } catch (error) {
      yield { type: 'error', error: this.#failure(error, signal) };
    }
  }

  async complete(request: ModelRequest, options: ModelCallOptions): Promise<ModelResponse> {
    try {
      return await collectResponse(this.stream(request, options));
    } catch (error) {
      throw options.signal.aborted ? (options.signal.reason as Error) : error;
    }
  }

  listModels(): Promise<readonly ModelInfo[]> {
    return Promise.resolve(this.#models.map((id) => ({ id, provider: this.name })));
  }

  async #next(request: ModelRequest): Promise<FakeTurn> {
    const number = this.calls.push(request) - 1;
    const count = this.#turns.length;
    const index = number < count ? number : this.#afterLast === 'loop' ? number % count : count - 1;
    const source = this.#turns[index];
    if (source === undefined || (number >= count && this.#afterLast === 'fail'))
      throw new AppError(
        'model_rejected',
        `FakeModel "${this.name}" was called ${number + 1} times but has only ${count} turns; add turns, or set afterLast.`,
      );
    const turn = typeof source === 'function' ? await source(request, number) : source;
    return typeof turn === 'string' ? { text: turn } : turn;
  }

  #toolCall({ name, id, arguments: given = {}, rawArguments }: FakeToolCall): ToolCall {
    this.#toolCalls += 1;
    const callId = id ?? `call_${this.#toolCalls}`;
    if (rawArguments === undefined) return { id: callId, name, arguments: given };
    const parsed = tryParseJson(rawArguments);
    return isJsonObject(parsed)
      ? { id: callId, name, arguments: parsed }
      : { id: callId, name, arguments: {}, invalidArguments: rawArguments };
  }

  #failure(error: unknown, signal: AbortSignal): AppError {
    if (signal.aborted && !(error instanceof AppError)) {
      const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
      return signal.reason instanceof AppError
        ? signal.reason
        : new AppError(timedOut ? 'timeout' : 'cancelled', 'The call of the fake model was aborted.', {
            cause: signal.reason,
          });
    }
    return error instanceof AppError
      ? error
      : new AppError('internal', 'A turn of the fake model threw.', { cause: error });
  }
}
