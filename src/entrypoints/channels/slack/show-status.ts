import type { ReplyAddress } from '../../../protocol/index.ts';
import { SendError } from '../send-error.ts';
import { refusedTokens } from './send-message.ts';
import { SlackApiError, type SlackApi } from './slack-api.ts';

const callTimeoutMs = 5000;

/**
 * Shows "is thinking…" in a thread, where the app and the conversation allow it. A refusal is remembered for its
 * conversation kind: Slack tells nobody beforehand who may.
 */
export function createStatusLine(api: SlackApi): (address: ReplyAddress, signal: AbortSignal) => Promise<void> {
  let refused = false;
  return async (address, signal) => {
    if (refused || address.threadId === undefined) return;
    const parameters = { channel_id: address.chatId, thread_ts: address.threadId, status: 'is thinking…' };
    try {
      await api('assistant.threads.setStatus', parameters, { signal, timeoutMs: callTimeoutMs });
    } catch (error) {
      if (!(error instanceof SlackApiError)) throw error;
      if (error.status === 200 && error.reason !== '' && error.reason !== 'ratelimited') {
        if (['missing_scope', 'unknown_method', 'method_deprecated', 'feature_not_enabled'].includes(error.reason))
          refused = true;
      }
      throw new SendError('retry', error.message, { unauthorized: refusedTokens.has(error.reason) || refused });
    }
  };
}
