import { createHash } from 'node:crypto';
import type { JsonObject } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type {
  AnswerPreviews,
  Chunk,
  LivePreview,
  PreviewContent,
  PreviewTarget,
} from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './call-as-send.ts';
import type { ChunkSender } from './chunk-sender.ts';
import type { RichMessages } from './rich-messages.ts';
import { placeOf } from './target-of.ts';
import { TelegramApiError, type TelegramApi } from './telegram-api.ts';

const callTimeoutMs = 3000;
const draftLifeMs = 30_000;

type Options = { readonly signal: AbortSignal };

/** Unfinished answers: as drafts in private chats where the server has them, else as a message that is edited. */
export class TelegramPreviews implements AnswerPreviews {
  readonly intervalMs = { dm: 1100, group: 3100 };
  readonly perSecond = 10;
  readonly #api: TelegramApi;
  readonly #sender: ChunkSender;
  readonly #rich: RichMessages;
  #draftsAreMissing = false;

  constructor(api: TelegramApi, sender: ChunkSender, rich: RichMessages) {
    this.#api = api;
    this.#sender = sender;
    this.#rich = rich;
  }

  isNative({ chatId }: ReplyAddress): boolean {
    return !this.#draftsAreMissing && !chatId.startsWith('-');
  }

  async begin(target: PreviewTarget, content: PreviewContent, options: Options): Promise<LivePreview> {
    const { address } = target;
    if (this.isNative(address)) {
      const draftId = draftIdOf(target.key);
      const update: LivePreview['update'] = (next, { signal }) =>
        callAsSend(() => this.#draft(address, draftId, next, signal));
      try {
        await this.#draft(address, draftId, content, options.signal);
        return { messageId: undefined, lifeMs: draftLifeMs, update };
      } catch (error) {
        this.#draftsAreMissing ||= isMissing(error);
        if (!isRefused(error)) return await callAsSend(() => Promise.reject(error as Error));
      }
    }
    if (target.nativeOnly) throw new SendError('permanent', 'Telegram shows no drafts in this chat');
    await target.reserve();
    const messageId = await this.#sender.send(address, content.chunk, options.signal);
    return {
      messageId,
      update: (next, { signal }) => this.#sender.edit(address, messageId, next.chunk, signal),
    };
  }

  replace(address: ReplyAddress, messageId: string, chunk: Chunk, options: Options): Promise<void> {
    return this.#sender.edit(address, messageId, chunk, options.signal);
  }

  async #draft(
    address: ReplyAddress,
    draftId: number,
    { markdown, chunk }: PreviewContent,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { signal, timeoutMs: callTimeoutMs };
    const shared: JsonObject = { ...placeOf(address), draft_id: draftId, can_stop: true };
    if (this.#rich.suits(markdown)) {
      try {
        await this.#api('sendRichMessageDraft', { ...shared, rich_message: { markdown } }, options);
        return;
      } catch (error) {
        if (!isMissing(error) && !isUnreadable(error)) throw error;
      }
    }
    try {
      await this.#api('sendMessageDraft', { ...shared, text: chunk.body, parse_mode: 'HTML' }, options);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      await this.#api('sendMessageDraft', { ...shared, text: chunk.plain }, options);
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof TelegramApiError && error.errorCode === 404;
}

function isRefused(error: unknown): boolean {
  return error instanceof TelegramApiError && [400, 404].includes(error.errorCode);
}

function isUnreadable(error: unknown): boolean {
  return (
    error instanceof TelegramApiError &&
    error.errorCode === 400 &&
    /can't parse|rich message/i.test(error.message)
  );
}

/** The same key always gives the same number; never 0. */
function draftIdOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0) >>> 1 || 1;
}
