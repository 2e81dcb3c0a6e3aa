import type { ChatMessage } from '../../protocol/index.ts';

/** A history that begins with a whole exchange: tool results without the call before them are left out. */
export function withoutLooseResults(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const first = messages.findIndex((message) => message.role === 'user' || message.role === 'system');
  return first <= 0 ? (first === 0 ? messages : []) : messages.slice(first);
}
