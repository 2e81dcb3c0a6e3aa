import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type { Chunk } from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './call-as-send.ts';
import { renderTelegramHtml } from './render-html.ts';
import type { RichMessages } from './rich-messages.ts';
import { placeOf, targetOf } from './target-of.ts';
import { TelegramApiError, type TelegramApi } from './telegram-api.ts';

const sendTimeoutMs = 20_000;
const longestText = 4096;

/** Sends and changes messages: as rich messages, else as HTML, else as plain text, whatever Telegram can read. */
export class ChunkSender {
  readonly #api: TelegramApi;
  readonly #rich: RichMessages;

  constructor(api: TelegramApi, rich: RichMessages) {
    this.#api = api;
    this.#rich = rich;
  }

  /** Sends one chunk and returns the message id. Throws `SendError`. */
  send(address: ReplyAddress, chunk: Chunk, signal: AbortSignal): Promise<string> {
    const target = targetOf(address);
    return this.#inSomeForm(chunk, async (content) => {
      const method = 'rich_message' in content ? 'sendRichMessage' : 'sendMessage';
      const sent = await this.#api(method, { ...target, ...content }, { signal, timeoutMs: sendTimeoutMs });
      return isJsonObject(sent) && typeof sent['message_id'] === 'number' ? String(sent['message_id']) : '';
    });
  }

  /** Puts a chunk in the place of a message. Throws `SendError`; `permanent`: it cannot be changed. */
  async edit(address: ReplyAddress, messageId: string, chunk: Chunk, signal: AbortSignal): Promise<void> {
    const { chat_id } = placeOf(address);
    const message = { chat_id, message_id: Number(messageId) };
    await this.#inSomeForm(chunk, async (content) => {
      const options = { signal, timeoutMs: sendTimeoutMs };
      await this.#api('editMessageText', { ...message, ...content }, options).catch((error: unknown) => {
        // It says that already.
        if (error instanceof TelegramApiError && /message is not modified/i.test(error.message)) return;
        throw error;
      });
      return messageId;
    });
  }

  async #inSomeForm(chunk: Chunk, call: (content: JsonObject) => Promise<string>): Promise<string> {
    const { markdown } = chunk;
    const shared = keyboardOf(chunk);
    if (markdown !== undefined) {
      try {
        return await call({ rich_message: { markdown }, ...shared });
      } catch (error) {
        if (!this.#isRefusal(error, markdown)) return await callAsSend(() => Promise.reject(error as Error));
      }
      // As HTML it is several messages, each to be noted by itself.
      if (renderTelegramHtml(markdown, longestText).length > 1)
        throw new SendError('retry', 'Telegram takes no rich message for this text', { retryAfterMs: 0 });
    }
    const preview = { link_preview_options: { is_disabled: true }, ...shared };
    try {
      return await callAsSend(() => call({ text: chunk.body, parse_mode: 'HTML', ...preview }));
    } catch (error) {
      if (error instanceof SendError && /can't parse entities/i.test(error.message))
        return callAsSend(() => call({ text: chunk.plain, ...preview }));
      throw error;
    }
  }

  /** Is the refusal about the form? Then it is not tried again. */
  #isRefusal(error: unknown, markdown: string): boolean {
    if (!(error instanceof TelegramApiError)) return false;
    if (error.errorCode === 404) this.#rich.missing();
    else if (error.errorCode === 400) this.#rich.refuse(markdown);
    else return false;
    return true;
  }
}

function keyboardOf({ actions }: Chunk): JsonObject {
  if (actions === undefined) return {};
  const row = actions.map(({ label, command }) => ({ text: label, callback_data: command }));
  return { reply_markup: { inline_keyboard: [row] } };
}
