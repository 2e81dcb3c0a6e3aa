import type { JsonObject } from '../../../base/index.ts';
import { textOf } from '../../../protocol/index.ts';
import type { CacheableCall } from '../gateway/answer-cache.ts';
import { cacheKeyOf } from './cache-key.ts';

/** Longer questions are compared to the letter only: a vector says little about them. */
const longestQuestion = 4000;

/** What a call asks last, and a digest of everything else about it. */
export interface SemanticQuestion {
  readonly text: string;
  readonly rest: string;
}

/** The question of a call that ends with what a user wrote; `undefined` for others. */
export function semanticQuestionOf(call: CacheableCall): SemanticQuestion | undefined {
  const request = call.request?.();
  const last = request?.messages.at(-1);
  if (request === undefined || last?.role !== 'user') return undefined;
  if (typeof last.content !== 'string' && last.content.some((part) => part.type !== 'text')) return undefined;
  const text = textOf(last.content).trim();
  if (text === '' || text.length > longestQuestion) return undefined;
  const before = { ...request, messages: request.messages.slice(0, -1) } as unknown as JsonObject;
  return { text, rest: cacheKeyOf(call, { ...before, last: last.name ?? null, ...bytesForm(call) }) };
}

/** What the bytes of an answer depend on beyond our own form of the request. */
function bytesForm(call: CacheableCall): JsonObject {
  if (call.shape === 'events') return {};
  const { messages: _messages, input: _input, prompt: _prompt, ...fields } = call.body();
  return { wire: fields };
}
