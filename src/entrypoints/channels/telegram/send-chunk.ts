import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type { Chunk } from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './call-as-send.ts';
import type { TelegramApi } from './telegram-api.ts';

const sendTimeoutMs = 20_000;

/** Sends one chunk as HTML, and as plain text where Telegram cannot read the markup. Returns the message id. */
export async function sendTelegramChunk(
  api: TelegramApi,
  address: ReplyAddress,
  chunk: Chunk,
  signal: AbortSignal,
): Promise<string> {
  const target = targetOf(address);
  const send = (content: JsonObject): Promise<string> =>
    callAsSend(async () => {
      const sent = await api('sendMessage', { ...target, ...content }, { signal, timeoutMs: sendTimeoutMs });
      return isJsonObject(sent) && typeof sent['message_id'] === 'number' ? String(sent['message_id']) : '';
    });
  const preview = { link_preview_options: { is_disabled: true }, ...keyboardOf(chunk) };
  try {
    return await send({ text: chunk.body, parse_mode: 'HTML', ...preview });
  } catch (error) {
    if (error instanceof SendError && /can't parse entities/i.test(error.message)) {
      return send({ text: chunk.plain, ...preview });
    }
    throw error;
  }
}

/** Shows "typing" for up to five seconds. */
export async function sendTelegramTyping(
  api: TelegramApi,
  address: ReplyAddress,
  signal: AbortSignal,
): Promise<void> {
  const { chat_id, message_thread_id } = targetOf(address);
  const parameters = {
    chat_id,
    action: 'typing',
    ...(message_thread_id === undefined ? {} : { message_thread_id }),
  };
  await callAsSend(() => api('sendChatAction', parameters, { signal, timeoutMs: 5000 }));
}

function keyboardOf({ actions }: Chunk): JsonObject {
  if (actions === undefined) return {};
  const row = actions.map(({ label, command }) => ({ text: label, callback_data: command }));
  return { reply_markup: { inline_keyboard: [row] } };
}

/** The chat, thread and quoted message of an address, as Telegram names them. */
export function targetOf(address: ReplyAddress): JsonObject {
  return {
    chat_id: address.chatId,
    ...(address.threadId === undefined ? {} : { message_thread_id: Number(address.threadId) }),
    ...(address.replyToMessageId === undefined
      ? {}
      : {
          reply_parameters: {
            message_id: Number(address.replyToMessageId),
            allow_sending_without_reply: true,
          },
        }),
  };
}
