import type { ReplyAddress } from '../../../protocol/index.ts';
import { callAsSend } from './call-as-send.ts';
import type { TelegramApi } from './telegram-api.ts';

const callTimeoutMs = 5000;

/** Shows "typing" for up to five seconds; unlike a message it has to name the general topic too. */
export async function sendTelegramTyping(
  api: TelegramApi,
  { chatId, threadId }: ReplyAddress,
  signal: AbortSignal,
): Promise<void> {
  const parameters = {
    chat_id: chatId,
    action: 'typing',
    ...(threadId === undefined ? {} : { message_thread_id: Number(threadId) }),
  };
  await callAsSend(() => api('sendChatAction', parameters, { signal, timeoutMs: callTimeoutMs }));
}
