import { isJsonObject, type AppError, type JsonObject } from '../../../base/index.ts';
import {
  noUsage,
  type FinishReason,
  type ReasoningPart,
  type ToolCall,
  type Usage,
} from '../../../protocol/index.ts';
import type { AnswerPart } from '../gateway-door/sound-parts.ts';
import { toAnthropicError } from './anthropic-error.ts';

/** What all of one message share. */
export interface MessageHead {
  readonly id: string;
  /** The name that the caller used. */
  readonly model: string;
  readonly requestId: string;
}

const stopReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
  other: 'end_turn',
};

/** Input that came from or went into a cache is not part of Anthropic's `input_tokens`. */
function usageOf(usage: Usage): JsonObject {
  const { cachedInputTokens: cached = 0, cacheWriteTokens: written = 0 } = usage;
  return {
    input_tokens: Math.max(0, usage.inputTokens - cached - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
    output_tokens: usage.outputTokens,
    output_tokens_details:
      usage.reasoningTokens === undefined ? null : { thinking_tokens: usage.reasoningTokens },
    server_tool_use: null,
  };
}

type Kind = 'text' | 'thinking';

function event(fields: JsonObject & { readonly type: string }): string {
  return `event: ${fields.type}\ndata: ${JSON.stringify(fields)}\n\n`;
}

/** Turns the parts of an answer into the blocks of a message and into the events that tell of them, in order. */
export class MessageWriter {
  readonly #head: MessageHead;
  readonly #content: JsonObject[] = [];
  #open: { readonly kind: Kind; text: string } | undefined;
  #usage: Usage = noUsage;
  #stopReason: string | null = null;

  constructor(head: MessageHead) {
    this.#head = head;
  }

  /** The message as it stands now. */
  get message(): JsonObject {
    const { id, model } = this.#head;
    return {
      id,
      type: 'message',
      role: 'assistant',
      model,
      content: [...this.#content],
      stop_reason: this.#stopReason,
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: {
        ...usageOf(this.#usage),
        cache_creation: null,
        inference_geo: null,
        service_tier: null,
        speed: null,
      },
    };
  }

  first(): string {
    return event({ type: 'message_start', message: this.message }) + event({ type: 'ping' });
  }

  of(part: AnswerPart): string {
    switch (part.type) {
      case 'text-delta':
        return this.#say('text', part.text);
      case 'reasoning-delta':
        return this.#say('thinking', part.text);
      case 'tool-call':
        return this.#close() + this.#call(part.call);
      case 'finish':
      default:
        this.#usage = part.usage;
        this.#stopReason = stopReasons[part.finishReason];
        return this.#close() + this.#seal(part.reasoningParts ?? []);
    }
  }

  last(): string {
    return (
      event({
        type: 'message_delta',
        delta: { stop_reason: this.#stopReason, stop_sequence: null, stop_details: null, container: null },
        usage: usageOf(this.#usage),
      }) + event({ type: 'message_stop' })
    );
  }

  failed(error: AppError): string {
    return event({ type: 'error', ...toAnthropicError(error, this.#head.requestId) });
  }

  #say(kind: Kind, text: string): string {
    let begun = '';
    if (this.#open?.kind !== kind) {
      begun = this.#close();
      this.#open = { kind, text: '' };
      const block =
        kind === 'text'
          ? { type: kind, text: '', citations: null }
          : { type: kind, thinking: '', signature: '' };
      begun += event({ type: 'content_block_start', index: this.#content.length, content_block: block });
    }
    this.#open.text += text;
    const delta = kind === 'text' ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text };
    return begun + event({ type: 'content_block_delta', index: this.#content.length, delta });
  }

  #close(): string {
    if (this.#open === undefined) return '';
    const { kind, text } = this.#open;
    this.#open = undefined;
    const index = this.#content.length;
    this.#content.push(
      kind === 'text' ? { type: kind, text, citations: null } : { type: kind, thinking: text, signature: '' },
    );
    const sealed =
      kind === 'text'
        ? ''
        : event({ type: 'content_block_delta', index, delta: { type: 'signature_delta', signature: '' } });
    return sealed + event({ type: 'content_block_stop', index });
  }

  /** Thinking comes sealed only at the end: a whole message takes it as its provider wants it back. */
  #seal(parts: readonly ReasoningPart[]): '' {
    const sealed = parts.flatMap(({ text, providerData }): readonly JsonObject[] => {
      const own = providerData?.['anthropic'];
      if (!isJsonObject(own)) return [];
      if (typeof own['redactedData'] === 'string')
        return [{ type: 'redacted_thinking', data: own['redactedData'] }];
      return typeof own['signature'] === 'string'
        ? [{ type: 'thinking', thinking: text, signature: own['signature'] }]
        : [];
    });
    if (sealed.length === 0) return '';
    const others = this.#content.filter(({ type }) => type !== 'thinking');
    this.#content.splice(0, this.#content.length, ...sealed, ...others);
    return '';
  }

  #call({ id, name, arguments: input, invalidArguments }: ToolCall): string {
    const index = this.#content.length;
    const block = { type: 'tool_use', id, name, caller: { type: 'direct' } };
    this.#content.push({ ...block, input });
    return (
      event({ type: 'content_block_start', index, content_block: { ...block, input: {} } }) +
      event({
        type: 'content_block_delta',
        index,
        delta: { type: 'input_json_delta', partial_json: invalidArguments ?? JSON.stringify(input) },
      }) +
      event({ type: 'content_block_stop', index })
    );
  }
}
