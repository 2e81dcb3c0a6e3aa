import type { Storage } from '../../platform/storage/index.ts';
import type { ChatMessage } from '../../protocol/index.ts';
import type { RunRow } from './end-run.ts';

const pageSize = 100;

/** The messages of a session up to a place in it, the newest first. */
export async function* messagesBackwards(
  storage: Storage,
  sessionId: string,
  upTo: number,
): AsyncGenerator<{ readonly message: ChatMessage; readonly tokens: number }> {
  let before = upTo + 1;
  for (;;) {
    const rows = await storage.db
      .selectFrom('messages')
      .select(['sequence', 'message', 'tokens'])
      .where('session_id', '=', sessionId)
      .where('sequence', '<', before)
      .orderBy('sequence', 'desc')
      .limit(pageSize)
      .execute();
    for (const { sequence, message, tokens } of rows) {
      before = sequence;
      yield { message, tokens };
    }
    if (rows.length < pageSize) return;
  }
}

/**
 * The newest messages of a run's session from before the run, oldest first, worth at most `maxTokens`. The same on each
 * execution: the run remembers where its past ends.
 */
export async function readHistory(
  storage: Storage,
  run: RunRow,
  maxTokens: number,
): Promise<readonly ChatMessage[]> {
  const sessionId = run.session_id ?? run.history_session_id;
  if (sessionId === null || !run.history_sequence) return [];
  const newest: ChatMessage[] = [];
  let total = 0;
  for await (const { message, tokens } of messagesBackwards(storage, sessionId, run.history_sequence)) {
    total += tokens;
    if (total > maxTokens) break;
    newest.push(message);
  }
  return newest.toReversed();
}
