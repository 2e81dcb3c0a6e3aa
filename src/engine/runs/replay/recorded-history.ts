import { AppError } from '../../../base/index.ts';
import type { ChatMessage, RecordedMessage } from '../../../protocol/index.ts';

/** The newest recorded messages worth at most `maxTokens`, oldest first: what the run itself was given. */
export function trimRecorded(
  history: readonly RecordedMessage[],
  maxTokens: number,
): readonly RecordedMessage[] {
  let tokens = 0;
  let first = history.length;
  while (first > 0) {
    tokens += history[first - 1]?.tokens ?? 0;
    if (tokens > maxTokens) break;
    first -= 1;
  }
  return history.slice(first);
}

/** Error: `conflict` when the session was deleted since. */
export function readRecorded(
  history: readonly RecordedMessage[] | null,
  maxTokens: number,
): readonly ChatMessage[] {
  if (history === null)
    throw new AppError('conflict', 'the session that the run saw was deleted, so it cannot be repeated');
  return trimRecorded(history, maxTokens).map((one) => one.message);
}
