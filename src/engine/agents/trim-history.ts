import type { ChatMessage } from '../../protocol/index.ts';

/**
 * A history of whole exchanges, as providers demand it: it begins with what the user or the system said, and each tool
 * call in it has its result. A budget cuts results off from their call; a turn that ended with a call of one of the
 * caller's functions leaves calls without a result.
 */
export function wholeExchanges(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const first = messages.findIndex((message) => message.role === 'user' || message.role === 'system');
  if (first === -1) return [];
  const kept: ChatMessage[] = [];
  const cut = messages.slice(first);
  for (let index = 0; index < cut.length;) {
    const message = cut[index] as ChatMessage;
    let end = index + 1;
    if (message.role === 'assistant' && message.toolCalls !== undefined) {
      while (cut[end]?.role === 'tool') end += 1;
      const answered = new Map(
        cut.slice(index + 1, end).flatMap((one) => (one.role === 'tool' ? [[one.toolCallId, one]] : [])),
      );
      const toolCalls = message.toolCalls.filter((call) => answered.has(call.id));
      const { toolCalls: _all, ...said } = message;
      if (toolCalls.length > 0) kept.push({ ...said, toolCalls });
      else if (said.content !== '') kept.push(said);
      kept.push(...toolCalls.flatMap((call) => answered.get(call.id) ?? []));
    } else if (message.role !== 'tool') kept.push(message);
    index = end;
  }
  return kept;
}
