import type { Storage } from '../../platform/storage/index.ts';
import type { ChatMessage } from '../../protocol/index.ts';
import type { RunRow } from './end-run.ts';

const pageSize = 100;

/**
 * The newest messages of a run's session from before the run, oldest first, worth at most `maxTokens`. The same on each
 * execution: the run remembers where its past ends.
 */
export async function readHistory(
  storage: Storage,
  run: RunRow,
  maxTokens: number,
): Promise<readonly ChatMessage[]> {
  if (run.session_id === null || !run.history_sequence) return [];
  const messages: ChatMessage[] = [];
  let tokens = 0;
  let before = run.history_sequence + 1;
  for (;;) {
    const rows = await storage.db
      .selectFrom('messages')
      .select(['sequence', 'message', 'tokens'])
      .where('session_id', '=', run.session_id)
      .where('sequence', '<', before)
      .orderBy('sequence', 'desc')
      .limit(pageSize)
      .execute();
    for (const row of rows) {
      tokens += row.tokens;
      if (tokens > maxTokens) return messages.toReversed();
      messages.push(row.message);
      before = row.sequence;
    }
    if (rows.length < pageSize) return messages.toReversed();
  }
}
