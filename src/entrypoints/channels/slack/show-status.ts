import type { ReplyAddress } from '../../../protocol/index.ts';
import { SendError } from '../send-error.ts';
import { refusedTokens } from './send-message.ts';
import { SlackApiError, type SlackApi } from './slack-api.ts';

const callTimeoutMs = 5000;
/** Refusals that concern the app as a whole, not one thread. */
const unavailable = new Set(['missing_scope', 'unknown_method', 'method_deprecated', 'feature_not_enabled']);

/**
 * Shows a status line in a thread, where Slack lets the app. An app that may not is told so once and asks no more;
 * outside of threads there is none.
 */
export function createStatusLine(
  api: SlackApi,
): (address: ReplyAddress, signal: AbortSignal) => Promise<void> {
  let missing = false;
  return async ({ chatId, threadId }, signal) => {
    if (missing || threadId === undefined) return;
    const parameters = { channel_id: chatId, thread_ts: threadId, status: 'is thinking…' };
    try {
      await api('assistant.threads.setStatus', parameters, { signal, timeoutMs: callTimeoutMs });
    } catch (error) {
      if (!(error instanceof SlackApiError)) throw error;
      missing = unavailable.has(error.reason);
      throw new SendError('retry', error.message, { unauthorized: refusedTokens.has(error.reason) });
    }
  };
}
