import type { JsonObject } from '../../../base/index.ts';
import type { ModelEvent, ModelResponse } from '../../../capabilities/models/index.ts';
import type { FinishReason, ToolCall, Usage } from '../../../protocol/index.ts';

/** What all parts of one answer share. */
export interface CompletionHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** The name that the caller used. */
  readonly model: string;
  /** No language model is connected: the answer says so. */
  readonly offline: boolean;
}

/** Why a model stopped, in OpenAI's words. */
export const finishReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  other: 'stop',
};

function fingerprint(head: CompletionHead): { system_fingerprint?: string } {
  return head.offline ? { system_fingerprint: 'agent33-offline-1' } : {};
}

/** Usage in OpenAI's words; details where they are known. */
export function toWireUsage(usage: Usage): JsonObject {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens } = usage;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(cachedInputTokens === undefined
      ? {}
      : { prompt_tokens_details: { cached_tokens: cachedInputTokens } }),
    ...(reasoningTokens === undefined
      ? {}
      : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}

function argumentsOf(call: ToolCall): string {
  return call.invalidArguments ?? JSON.stringify(call.arguments);
}

/** A whole answer, `chat.completion`. */
export function completionBody(head: CompletionHead, response: Omit<ModelResponse, 'model'>): JsonObject {
  const toolCalls = response.toolCalls.map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: argumentsOf(call) },
  }));
  return {
    id: head.id,
    object: 'chat.completion',
    created: head.created,
    model: head.model,
    ...fingerprint(head),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: response.text === '' && toolCalls.length > 0 ? null : response.text,
          refusal: null,
          ...(response.reasoning === undefined ? {} : { reasoning_content: response.reasoning }),
          ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
        },
        logprobs: null,
        finish_reason: finishReasons[response.finishReason],
      },
    ],
    usage: toWireUsage(response.usage),
  };
}

/** Turns the parts of a streamed answer into the data of `chat.completion.chunk` events, `[DONE]` included. */
export function createChunks(head: CompletionHead, includeUsage: boolean) {
  let toolCalls = 0;
  const chunk = (choices: readonly JsonObject[], usage: JsonObject | null): string =>
    JSON.stringify({
      id: head.id,
      object: 'chat.completion.chunk',
      created: head.created,
      model: head.model,
      ...fingerprint(head),
      choices,
      ...(includeUsage ? { usage } : {}),
    });
  const delta = (content: JsonObject, finishReason: string | null = null): string =>
    chunk([{ index: 0, delta: content, logprobs: null, finish_reason: finishReason }], null);
  return {
    first: (): string => delta({ role: 'assistant', content: '' }),
    of(event: Exclude<ModelEvent, { type: 'error' }>): readonly string[] {
      if (event.type === 'text-delta') return [delta({ content: event.text })];
      if (event.type === 'reasoning-delta') return [delta({ reasoning_content: event.text })];
      if (event.type === 'tool-call') {
        const index = toolCalls;
        toolCalls += 1;
        const { id, name } = event.call;
        return [
          delta({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }),
          delta({ tool_calls: [{ index, function: { arguments: argumentsOf(event.call) } }] }),
        ];
      }
      return [
        delta({}, finishReasons[event.finishReason]),
        ...(includeUsage ? [chunk([], toWireUsage(event.usage))] : []),
        '[DONE]',
      ];
    },
  };
}
