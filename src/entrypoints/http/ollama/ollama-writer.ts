import type { AppError, Clock, JsonObject } from '../../../base/index.ts';
import { noUsage, type FinishReason, type ToolCall, type Usage } from '../../../protocol/index.ts';
import type { AnswerPart } from '../gateway-door/sound-parts.ts';

/** What one line, or the whole answer, says. */
interface Said {
  readonly text: string;
  readonly thinking?: string;
  readonly calls?: readonly JsonObject[];
}

/** Where the text of a line stands: in a message, or beside the other fields. */
export type OllamaForm = 'chat' | 'generate';

const doneReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'stop',
  'content-filter': 'stop',
  other: 'stop',
};

const nanoseconds = (milliseconds: number): number => Math.round(milliseconds * 1_000_000);

/** Turns the parts of an answer into the lines of Ollama's API, or into its whole answer. */
export class OllamaWriter {
  readonly #form: OllamaForm;
  readonly #model: string;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #calls: JsonObject[] = [];
  #firstAt: number | undefined;
  #text = '';
  #thinking = '';
  #reason: FinishReason = 'stop';
  #usage: Usage = noUsage;

  constructor(form: OllamaForm, model: string, clock: Clock) {
    this.#form = form;
    this.#model = model;
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  first(): '' {
    this.#firstAt ??= this.#clock.now();
    return '';
  }

  of(part: AnswerPart): string {
    this.first();
    switch (part.type) {
      case 'text-delta':
        this.#text += part.text;
        return this.#line({ text: part.text });
      case 'reasoning-delta':
        this.#thinking += part.text;
        return this.#line({ text: '', thinking: part.text });
      case 'tool-call': {
        const call = this.#call(part.call);
        this.#calls.push(call);
        return this.#line({ text: '', calls: [call] });
      }
      case 'finish':
      default:
        this.#reason = part.finishReason;
        this.#usage = part.usage;
        return '';
    }
  }

  last(): string {
    return `${JSON.stringify(this.#object({ text: '' }, this.#ending()))}\n`;
  }

  failed(error: AppError): string {
    return `${JSON.stringify({ error: error.message })}\n`;
  }

  /** The answer in one piece. */
  get whole(): JsonObject {
    const said = { text: this.#text, thinking: this.#thinking, calls: this.#calls };
    return this.#object(said, this.#ending());
  }

  #call({ id, name, arguments: given }: ToolCall): JsonObject {
    return { id, function: { index: this.#calls.length, name, arguments: given } };
  }

  #line(said: Said): string {
    return `${JSON.stringify(this.#object(said, { done: false }))}\n`;
  }

  #object({ text, thinking = '', calls = [] }: Said, state: JsonObject): JsonObject {
    const thought = thinking === '' ? {} : { thinking };
    const called = calls.length === 0 ? {} : { tool_calls: calls };
    return {
      model: this.#model,
      created_at: new Date(this.#clock.now()).toISOString(),
      ...(this.#form === 'chat'
        ? { message: { role: 'assistant', content: text, ...thought, ...called } }
        : { response: text, ...thought, ...called }),
      ...state,
    };
  }

  #ending(): JsonObject {
    const now = this.#clock.now();
    const firstAt = this.#firstAt ?? now;
    return {
      done: true,
      done_reason: doneReasons[this.#reason],
      total_duration: nanoseconds(now - this.#startedAt),
      load_duration: 0,
      prompt_eval_count: this.#usage.inputTokens,
      prompt_eval_duration: nanoseconds(firstAt - this.#startedAt),
      eval_count: this.#usage.outputTokens,
      eval_duration: nanoseconds(now - firstAt),
    };
  }
}
