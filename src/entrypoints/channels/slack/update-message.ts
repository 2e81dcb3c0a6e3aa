import type { JsonObject } from '../../../base/index.ts';
import type { Chunk } from '../channel-adapter.ts';
import { buttonBlock, callAsSend, sectionBlocks, SlackSendError, unreadable } from './send-message.ts';
import { escapeSlack } from './render-mrkdwn.ts';
import { SlackApiError, type SlackApi } from './slack-api.ts';
import { stopSlackStream } from './slack-stream.ts';

const callTimeoutMs = 20_000;

/**
 * Makes a message say something else; doing it twice changes nothing. A stream that was left open is stopped first.
 * Throws `SendError`.
 */
export async function updateSlackMessage(
  api: SlackApi,
  message: { readonly channel: string; readonly ts: string },
  { body, plain, actions = [] }: Chunk,
  signal: AbortSignal,
): Promise<void> {
  const update = (content: JsonObject) =>
    callAsSend(() => api('chat.update', { ...message, ...content }, { signal, timeoutMs: callTimeoutMs }));
  const send = async (content: JsonObject): Promise<void> => {
    try {
      await update(content);
    } catch (error) {
      if (!(error instanceof SlackSendError) || error.reason !== 'streaming_state_conflict') throw error;
      await callAsSend(() => stopSlackStream(api, message, signal)).catch((failure: unknown) => {
        if (failure instanceof SlackApiError || failure instanceof SlackSendError) return;
        throw failure;
      });
      await update(content);
    }
  };
  // With blocks Slack does not mark the message as edited.
  const buttons = actions.length === 0 ? [] : [buttonBlock(actions)];
  try {
    await send({ text: body, blocks: [...sectionBlocks(body), ...buttons] });
  } catch (error) {
    if (!(error instanceof SlackSendError) || !unreadable.has(error.reason)) throw error;
    await send({ text: escapeSlack(plain), mrkdwn: false, blocks: [] });
  }
}
