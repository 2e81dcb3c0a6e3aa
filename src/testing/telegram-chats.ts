import type { FormFileSent } from './read-multipart.ts';
import { readTelegramContent, type TelegramContent } from './telegram-content.ts';
import { refusedUpload } from './telegram-files.ts';
import type { TelegramAnswer, TelegramParameters } from './telegram-wire.ts';

/** A message that the bot has sent, as it stands there now. */
export interface SentMessage extends TelegramContent {
  readonly messageId: number;
  readonly chatId: string;
  readonly threadId: number | undefined;
  readonly replyTo: number | undefined;
  /** What it said before, oldest first. */
  readonly earlier: readonly string[];
  /** What the bot sent as a file; its text is empty then. */
  readonly file?: FormFileSent;
}

/** An unfinished text that the bot has shown in a private chat. */
export interface ShownDraft extends TelegramContent {
  readonly chatId: string;
  readonly draftId: number;
  readonly threadId: number | undefined;
  readonly canStop: boolean;
}

/** The chats of a bot: what it has sent and shown there. */
export class TelegramChats {
  readonly messages: SentMessage[] = [];
  readonly drafts: ShownDraft[] = [];
  readonly blocked = new Set<string>();
  /** New ids of groups that have become supergroups. */
  readonly migrated = new Map<string, number>();
  #nextMessage = 1;

  nextMessageId(): number {
    return this.#nextMessage++;
  }

  send(parameters: TelegramParameters): TelegramAnswer {
    const refusal = this.refusal(parameters);
    if (refusal !== undefined) return refusal;
    const content = readTelegramContent(parameters);
    if ('status' in content) return content;
    const threadId = parameters['message_thread_id'] as number | undefined;
    if (threadId === 1) return { status: 400, description: 'Bad Request: message thread not found' };
    const reply = parameters['reply_parameters'] as { message_id?: number } | undefined;
    const message: SentMessage = {
      messageId: this.nextMessageId(),
      chatId: String(parameters['chat_id']),
      ...content,
      threadId,
      replyTo: reply?.message_id,
      earlier: [],
    };
    this.messages.push(message);
    return {
      result: { message_id: message.messageId, chat: { id: parameters['chat_id'] }, date: 1_767_225_600 },
    };
  }

  sendFile(parameters: TelegramParameters): TelegramAnswer {
    const file = parameters['file'] as FormFileSent | undefined;
    const refusal = this.refusal(parameters) ?? refusedUpload(file?.bytes);
    if (refusal !== undefined) return refusal;
    const threadId = parameters['message_thread_id'];
    const message: SentMessage = {
      messageId: this.nextMessageId(),
      chatId: String(parameters['chat_id']),
      text: '',
      source: '',
      parseMode: undefined,
      isRich: false,
      // Fields of a form are text.
      threadId: threadId === undefined ? undefined : Number(threadId),
      replyTo: undefined,
      buttons: [],
      earlier: [],
      ...(file === undefined ? {} : { file }),
    };
    this.messages.push(message);
    return { result: { message_id: message.messageId, date: 1_767_225_600 } };
  }

  edit(parameters: TelegramParameters): TelegramAnswer {
    const refusal = this.refusal(parameters);
    if (refusal !== undefined) return refusal;
    const content = readTelegramContent(parameters);
    if ('status' in content) return content;
    const message = this.messages.find(
      (one) => one.messageId === parameters['message_id'] && one.chatId === String(parameters['chat_id']),
    );
    if (message === undefined) return { status: 400, description: 'Bad Request: message to edit not found' };
    const isSame =
      message.source === content.source &&
      JSON.stringify(message.buttons) === JSON.stringify(content.buttons);
    if (isSame) return { status: 400, description: 'Bad Request: message is not modified' };
    Object.assign(message, content, { earlier: [...message.earlier, message.text] });
    return { result: { message_id: message.messageId } };
  }

  showDraft(parameters: TelegramParameters): TelegramAnswer {
    const refusal = this.refusal(parameters);
    if (refusal !== undefined) return refusal;
    const content = readTelegramContent(parameters, { mayBeEmpty: true });
    if ('status' in content) return content;
    const draftId = Number(parameters['draft_id'] ?? 0);
    const chatId = String(parameters['chat_id']);
    if (draftId === 0 || chatId.startsWith('-'))
      return { status: 400, description: 'Bad Request: TEXTDRAFT_PEER_INVALID' };
    const threadId = parameters['message_thread_id'] as number | undefined;
    this.drafts.push({ ...content, chatId, draftId, threadId, canStop: parameters['can_stop'] === true });
    return { result: true };
  }

  refusal(parameters: TelegramParameters): TelegramAnswer | undefined {
    const chatId = String(parameters['chat_id']);
    const migratedTo = this.migrated.get(chatId);
    if (migratedTo !== undefined) {
      const description = 'Bad Request: group chat was upgraded to a supergroup chat';
      return { status: 400, description, migratedTo };
    }
    if (!this.blocked.has(chatId)) return undefined;
    return { status: 403, description: 'Forbidden: bot was blocked by the user' };
  }
}
