import { estimateTokenCount } from 'tokenx';
import type { ChatMessage } from '../../../protocol/index.ts';
import type { ModelDemand } from './model-demand.ts';

/** What an image of ordinary size counts for. */
const imageTokens = 1600;
/** A page of a PDF holds about so many bytes, and counts for twice an image's tokens at most. */
const pageBytes = 50_000;
/** The estimate runs low: somewhat on prose, much on JSON. */
const proseFactor = 1.15;
const jsonFactor = 1.6;
const perMessage = 4;

function tokensOf(message: ChatMessage): number {
  const { content } = message;
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
  const more = message.role === 'tool' ? (message.parts ?? []) : [];
  let tokens = perMessage;
  for (const part of [...parts, ...more]) {
    if (part.type === 'text') tokens += estimateTokenCount(part.text) * proseFactor;
    else if (part.type === 'image') tokens += imageTokens;
    else tokens += Math.max(1, Math.ceil((part.url.length * 0.75) / pageBytes)) * imageTokens;
  }
  if (message.role === 'assistant') {
    tokens += estimateTokenCount(message.reasoning ?? '') * proseFactor;
    for (const call of message.toolCalls ?? [])
      tokens += estimateTokenCount(call.name + JSON.stringify(call.arguments)) * jsonFactor;
  }
  return tokens;
}

/** About how many tokens a request has, rather too many than too few. */
export function countTokens({ messages, tools = [] }: ModelDemand): number {
  let tokens = 0;
  for (const message of messages) tokens += tokensOf(message);
  for (const tool of tools)
    tokens += estimateTokenCount(tool.name + tool.description + JSON.stringify(tool.parameters)) * jsonFactor;
  return Math.ceil(tokens);
}
