import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { Message } from '../../../protocol/index.ts';
import { forwardedInWords } from '../card-words.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { attachmentsOf, chatMessage, type ChatMessage } from './chat-message.ts';
import { readCards } from './read-cards.ts';
import { forwardedFrom, readQuote, repliedTo } from './read-quote.ts';
import { mentionsBot, readCommand, readEntities, withLinks, withoutMention } from './read-text.ts';
import {
  lenient,
  nameOfUser,
  telegramId,
  telegramUser,
  type BotIdentity,
  type TelegramUser,
} from './telegram-fields.ts';

export type { BotIdentity } from './telegram-fields.ts';

/** Stand in the place of the sender where somebody writes in the name of a group or a channel. */
const standIns = new Set(['1087968824', '136817688']);

const updateSchema = z.object({
  update_id: z.int().nonnegative(),
  message: z.unknown().optional(),
  callback_query: z.unknown().optional(),
  stopped_message_generation: z.unknown().optional(),
});

/** Somebody pressed the button that Telegram shows below a draft. */
const stopped = z.object({
  chat: z.object({ id: telegramId, type: z.string() }),
  message_thread_id: lenient(z.int()),
});

/** The topic that every forum has; its messages do not name it. */
export const generalTopic = '1';

/** The kinds of updates that are read; Telegram sends no others. */
export const allowedUpdates = ['message', 'callback_query', 'stopped_message_generation'];
/** Somebody pressed a button. Its data is whatever the client sends. */
const press = z.object({
  id: z.string(),
  from: telegramUser,
  data: z.string().max(64),
  message: chatMessage.pick({
    message_id: true,
    chat: true,
    message_thread_id: true,
    is_topic_message: true,
  }),
});

/** The number that orders updates, where the update has one. */
export function updateIdOf(update: unknown): number | undefined {
  const parsed = z.object({ update_id: z.int().nonnegative() }).safeParse(update);
  return parsed.success ? parsed.data.update_id : undefined;
}

/** A Telegram update as a message of the pipeline. Never throws. `nowMs` stands in for a missing date. */
export function parseTelegramUpdate(update: unknown, bot: BotIdentity, nowMs: number): ParsedUpdate {
  const envelope = updateSchema.safeParse(update);
  if (!envelope.success || !isJsonObject(update)) return { ignored: 'no update with an update_id' };
  const context = { bot, nowMs, updateId: envelope.data.update_id, raw: update };
  const { message: given, callback_query: pressed, stopped_message_generation: stopping } = envelope.data;
  if (isPresent(pressed)) return parsePress(pressed, context);
  if (isPresent(stopping)) return parseStop(stopping, context);
  if (!isPresent(given)) {
    const kind = Object.keys(update).find((name) => name !== 'update_id');
    return { ignored: kind === undefined ? 'an empty update' : 'an update of a kind that is not handled' };
  }
  const parsed = chatMessage.safeParse(given);
  return parsed.success
    ? parseMessage(parsed.data, given, context)
    : { ignored: 'a message without id or chat' };
}

function parseMessage(source: ChatMessage, given: unknown, context: UpdateContext): ParsedUpdate {
  if (source.chat.type === 'channel') return { ignored: 'a channel post' };
  if (source.is_automatic_forward === true) return { ignored: 'a post of the linked channel' };
  // All of its people share one chat, told apart by topics of another kind.
  if (source.chat.is_direct_messages === true) return { ignored: 'a direct message to a channel' };
  const from = senderOf(source);
  if (from === undefined) return { ignored: 'a message without sender' };
  if (from.is_bot === true) return { ignored: 'a message from a bot' };
  const message = toMessage(source, from, { ...context, cards: readCards(given) });
  return message ?? { ignored: 'a command for another bot' };
}

/** Who wrote it: for admins who stay anonymous, and for people who write as a channel, that group or channel. */
function senderOf({
  from,
  sender_chat: chat,
  author_signature: signature,
}: ChatMessage): TelegramUser | undefined {
  if (chat && from && standIns.has(String(from.id)))
    return { id: chat.id, is_bot: false, first_name: signature ?? chat.title };
  return from ?? undefined;
}

const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

interface UpdateContext {
  readonly bot: BotIdentity;
  readonly nowMs: number;
  readonly updateId: number;
  readonly raw: JsonObject;
}

/** Drafts are shown in private chats only, whose id is that of the person. */
function parseStop(given: unknown, { bot, nowMs, updateId, raw }: UpdateContext): ParsedUpdate {
  const parsed = stopped.safeParse(given);
  if (!parsed.success || parsed.data.chat.type !== 'private')
    return { ignored: 'a stopped draft without a private chat' };
  const { chat, message_thread_id: topic } = parsed.data;
  return {
    message: {
      platform: 'telegram',
      account_id: bot.id,
      channel_id: String(chat.id),
      user_id: String(chat.id),
      text: '/stop',
      timestamp: new Date(nowMs).toISOString(),
      ...(typeof topic === 'number' ? { thread_id: String(topic) } : {}),
      kind: 'interaction',
      chat_type: 'dm',
      mentions_bot: true,
      attachments: [],
      dedupe_key: `telegram:${bot.id}:${updateId}`,
      metadata: { raw },
    },
  };
}

/** The topic of a message; only forums and private chats with topics have some. */
function topicOf(source: Pick<ChatMessage, 'chat' | 'message_thread_id' | 'is_topic_message'>) {
  if (source.is_topic_message === true && typeof source.message_thread_id === 'number')
    return { thread_id: String(source.message_thread_id) };
  return source.chat.is_forum === true && source.chat.type === 'supergroup'
    ? { thread_id: generalTopic }
    : {};
}

/** A pressed button as the command that it stands for. */
function parsePress(query: unknown, { bot, nowMs, updateId, raw }: UpdateContext): ParsedUpdate {
  const parsed = press.safeParse(query);
  if (!parsed.success) return { ignored: 'a button without data or chat' };
  const { from, data, message } = parsed.data;
  return {
    message: {
      platform: 'telegram',
      account_id: bot.id,
      channel_id: String(message.chat.id),
      user_id: String(from.id),
      ...(typeof from.first_name === 'string' ? { user_name: from.first_name } : {}),
      text: data,
      timestamp: new Date(nowMs).toISOString(),
      ...topicOf(message),
      message_id: String(message.message_id),
      kind: 'interaction',
      chat_type: message.chat.type === 'private' ? 'dm' : 'group',
      mentions_bot: true,
      attachments: [],
      dedupe_key: `telegram:${bot.id}:${updateId}`,
      metadata: { raw },
    },
  };
}

/** Names the pressed button to Telegram, so that it stops waiting; `undefined` for other updates. */
export function pressIdOf(update: unknown): string | undefined {
  const parsed = z.object({ callback_query: z.object({ id: z.string() }) }).safeParse(update);
  return parsed.success ? parsed.data.callback_query.id : undefined;
}

/** A person's message; `undefined`: a command that names another bot. */
function toMessage(
  source: ChatMessage,
  from: TelegramUser,
  context: UpdateContext & { readonly cards: string },
): ParsedUpdate | undefined {
  const { bot } = context;
  const plain = source.text ?? source.caption ?? '';
  const entities = readEntities(source.entities ?? source.caption_entities ?? []);
  const written = withLinks(plain, entities);
  const command = readCommand(written, bot);
  const userName = nameOfUser(from);
  const isDm = source.chat.type === 'private';
  const replied = repliedTo(source);
  const mentioned = mentionsBot(plain, entities, bot) || command?.addressee === 'bot';
  if (command?.addressee === 'another' && !isDm && !mentioned) return undefined;
  const forwarded = forwardedFrom(source);
  // What somebody else wrote is no command of the one who passes it on.
  const isCommand = command !== undefined && command.addressee !== 'another' && forwarded === undefined;
  const own = plain === '' ? context.cards : isCommand ? command.text : withoutMention(written, bot);
  const quoted = readQuote(source, bot.id);
  const isReplyToBot = String(replied?.from?.id ?? '') === bot.id;
  // "What is on this picture?" is asked about a file that another person has sent.
  const about = replied === undefined || isReplyToBot || isDm ? [] : attachmentsOf(replied);
  const attachments = [...attachmentsOf(source), ...about];
  // Service messages (someone joined, a title changed) carry nothing that a person wrote or sent.
  const isSaid =
    isPresent(source.text ?? source.caption ?? source.story) ||
    attachments.length > 0 ||
    context.cards !== '';
  const message: Message = {
    platform: 'telegram',
    account_id: bot.id,
    channel_id: String(source.chat.id),
    user_id: String(from.id),
    ...(userName === undefined ? {} : { user_name: userName }),
    text: forwarded === undefined || own === '' ? own : forwardedInWords(forwarded.name, own),
    timestamp: new Date(typeof source.date === 'number' ? source.date * 1000 : context.nowMs).toISOString(),
    ...topicOf(source),
    message_id: String(source.message_id),
    ...(replied === undefined ? {} : { reply_to: String(replied.message_id) }),
    ...(quoted === undefined ? {} : { quoted }),
    kind: isCommand ? 'command' : isSaid ? 'message' : 'status',
    chat_type: isDm ? 'dm' : 'group',
    mentions_bot: isDm || mentioned || isReplyToBot,
    attachments,
    ...(typeof source.media_group_id === 'string' && source.media_group_id !== ''
      ? { album_id: source.media_group_id }
      : {}),
    dedupe_key: `telegram:${bot.id}:${context.updateId}`,
    metadata: { raw: context.raw },
  };
  return { message };
}
