import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import type { ChatMessage, ReasoningPart, ToolCall } from './chat.ts';

type Assistant = Extract<ChatMessage, { role: 'assistant' }>;
type Thinking = Pick<Assistant, 'reasoning' | 'reasoningParts' | 'providerData'>;

function thinkingBlock(block: Json): ReasoningPart[] {
  if (!isJsonObject(block)) return [];
  const { type, thinking, signature, data } = block;
  if (type === 'redacted_thinking' && typeof data === 'string')
    return [{ text: '', providerData: { anthropic: { redactedData: data } } }];
  if (type !== 'thinking' || typeof thinking !== 'string') return [];
  return typeof signature === 'string'
    ? [{ text: thinking, providerData: { anthropic: { signature } } }]
    : [{ text: thinking }];
}

/** The thinking of an assistant's message: `reasoning_content`, `thinking_blocks` (Anthropic's, signed), `reasoning_details`. */
export function thinkingOf(message: JsonObject): Thinking {
  const { thinking_blocks: blocks, reasoning_details: details } = message;
  const said = message['reasoning_content'] ?? message['reasoning'];
  const parts = Array.isArray(blocks) ? (blocks as readonly Json[]).flatMap(thinkingBlock) : [];
  const text = typeof said === 'string' ? said : parts.map((part) => part.text).join('');
  return {
    ...(text === '' ? {} : { reasoning: text }),
    ...(parts.length === 0 ? {} : { reasoningParts: parts }),
    ...(Array.isArray(details)
      ? { providerData: { openai: { reasoning_details: details as readonly Json[] } } }
      : {}),
  };
}

/** The fields of an assistant's message that carry its thinking: the way back of `thinkingOf`. */
export function thinkingFields(message: Thinking): JsonObject {
  const { reasoning, reasoningParts = [], providerData } = message;
  const blocks = reasoningParts.flatMap((part): JsonObject[] => {
    const signed = isJsonObject(part.providerData?.['anthropic']) ? part.providerData['anthropic'] : {};
    if (typeof signed['redactedData'] === 'string')
      return [{ type: 'redacted_thinking', data: signed['redactedData'] }];
    return typeof signed['signature'] === 'string'
      ? [{ type: 'thinking', thinking: part.text, signature: signed['signature'] }]
      : [];
  });
  const own = isJsonObject(providerData?.['openai']) ? providerData['openai'] : {};
  const details = own['reasoning_details'];
  return {
    ...(reasoning === undefined || reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(blocks.length === 0 ? {} : { thinking_blocks: blocks }),
    ...(details === undefined ? {} : { reasoning_details: details }),
  };
}

/** What Google's models want back with a call, from `extra_content.google.thought_signature`. */
export function callDataOf(call: JsonObject): Pick<ToolCall, 'providerData'> {
  const extra = isJsonObject(call['extra_content']) ? call['extra_content'] : {};
  const google = isJsonObject(extra['google']) ? extra['google'] : {};
  const signature = google['thought_signature'];
  return typeof signature === 'string' ? { providerData: { google: { thoughtSignature: signature } } } : {};
}

/** The way back of `callDataOf`. */
export function callDataFields(call: Pick<ToolCall, 'providerData'>): JsonObject {
  const google = call.providerData?.['google'];
  const signature = isJsonObject(google) ? google['thoughtSignature'] : undefined;
  return typeof signature === 'string' ? { extra_content: { google: { thought_signature: signature } } } : {};
}
