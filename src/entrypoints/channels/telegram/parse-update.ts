import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { Attachment, Message } from '../../../protocol/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';

/** The bot as `getMe` describes it. */
export interface BotIdentity {
  readonly id: string;
  readonly username: string;
}

const lenient = <T extends z.ZodType>(schema: T) => schema.nullish().catch(undefined);
const id = z.union([z.int(), z.bigint()]);
const user = z.object({
  id,
  is_bot: lenient(z.boolean()),
  first_name: lenient(z.string()),
  last_name: lenient(z.string()),
  username: lenient(z.string()),
});
const entity = z.object({
  type: z.string(),
  offset: z.int(),
  length: z.int(),
  user: lenient(user),
});
const file = z.object({
  file_id: z.string(),
  file_name: lenient(z.string()),
  mime_type: lenient(z.string()),
  file_size: lenient(z.number().nonnegative()),
});
const chatMessage = z.object({
  message_id: z.int(),
  date: lenient(z.int().min(0).max(8_640_000_000_000)),
  chat: z.object({ id, type: z.string(), is_forum: lenient(z.boolean()) }),
  from: lenient(user),
  text: lenient(z.string()),
  caption: lenient(z.string()),
  entities: lenient(z.array(entity)),
  caption_entities: lenient(z.array(entity)),
  message_thread_id: lenient(z.int()),
  is_topic_message: lenient(z.boolean()),
  media_group_id: lenient(z.string()),
  reply_to_message: lenient(z.object({ message_id: z.int(), from: lenient(user) })),
  photo: lenient(z.array(file)),
  document: lenient(file),
  audio: lenient(file),
  voice: lenient(file),
  video: lenient(file),
  video_note: lenient(file),
  animation: lenient(file),
  sticker: lenient(file),
  location: z.unknown().optional(),
  contact: z.unknown().optional(),
  poll: z.unknown().optional(),
});
const updateSchema = z.object({
  update_id: z.int().nonnegative(),
  message: z.unknown().optional(),
  callback_query: z.unknown().optional(),
  stopped_message_generation: z.unknown().optional(),
});

/** Somebody pressed the button that Telegram shows below a draft. */
const stopped = z.object({
  chat: z.object({ id, type: z.string() }),
  message_thread_id: lenient(z.int()),
});

/** The topic that every forum has; its messages do not name it. */
export const generalTopic = '1';

/** The kinds of updates that are read; Telegram sends no others. */
export const allowedUpdates = ['message', 'callback_query', 'stopped_message_generation'];
/** Somebody pressed a button. Its data is whatever the client sends. */
const press = z.object({
  id: z.string(),
  from: user,
  data: z.string().max(64),
  message: chatMessage.pick({
    message_id: true,
    chat: true,
    message_thread_id: true,
    is_topic_message: true,
  }),
});

type ChatMessage = z.output<typeof chatMessage>;

const attachmentKinds = [
  ['photo', 'image'],
  ['sticker', 'image'],
  ['voice', 'audio'],
  ['audio', 'audio'],
  ['video', 'video'],
  ['video_note', 'video'],
  ['animation', 'video'],
  ['document', 'document'],
] as const;

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
  if (envelope.data.callback_query !== undefined) return parsePress(envelope.data.callback_query, context);
  if (envelope.data.stopped_message_generation !== undefined)
    return parseStop(envelope.data.stopped_message_generation, context);
  if (envelope.data.message === undefined || envelope.data.message === null) {
    const kind = Object.keys(update).find((name) => name !== 'update_id');
    return { ignored: kind === undefined ? 'an empty update' : 'an update of a kind that is not handled' };
  }
  const parsed = chatMessage.safeParse(envelope.data.message);
  if (!parsed.success) return { ignored: 'a message without id or chat' };
  const message = parsed.data;
  if (message.chat.type === 'channel') return { ignored: 'a channel post' };
  if (message.from === undefined || message.from === null) return { ignored: 'a message without sender' };
  if (message.from.is_bot === true) return { ignored: 'a message from a bot' };
  return { message: toMessage(message, message.from, context) };
}

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

function toMessage(source: ChatMessage, from: z.output<typeof user>, context: UpdateContext): Message {
  const { bot } = context;
  const written = source.text ?? source.caption ?? '';
  const entities = source.entities ?? source.caption_entities ?? [];
  const command = readCommand(written, bot);
  const name = [from.first_name, from.last_name]
    .filter((part) => part !== undefined && part !== null)
    .join(' ');
  const userName = name.trim() === '' ? from.username : name;
  const isDm = source.chat.type === 'private';
  const repliesToBot = String(source.reply_to_message?.from?.id ?? '') === bot.id;
  const mentioned = entities.some((entity) => mentions(entity, written, bot)) || command?.addressed === true;
  return {
    platform: 'telegram',
    account_id: bot.id,
    channel_id: String(source.chat.id),
    user_id: String(from.id),
    ...(userName === undefined || userName === null ? {} : { user_name: userName }),
    text: command?.text ?? withoutMention(written, bot),
    timestamp: new Date(typeof source.date === 'number' ? source.date * 1000 : context.nowMs).toISOString(),
    ...topicOf(source),
    message_id: String(source.message_id),
    ...(source.reply_to_message ? { reply_to: String(source.reply_to_message.message_id) } : {}),
    kind: command === undefined ? (hasContent(source) ? 'message' : 'status') : 'command',
    chat_type: isDm ? 'dm' : 'group',
    mentions_bot: isDm || mentioned || repliesToBot,
    attachments: attachmentsOf(source),
    ...(typeof source.media_group_id === 'string' && source.media_group_id !== ''
      ? { album_id: source.media_group_id }
      : {}),
    dedupe_key: `telegram:${bot.id}:${context.updateId}`,
    metadata: { raw: context.raw },
  };
}

/** Service messages (someone joined, a title changed) carry nothing that a person wrote or sent. */
function hasContent(source: ChatMessage): boolean {
  const other = [source.location, source.contact, source.poll];
  return (
    typeof source.text === 'string' ||
    attachmentKinds.some(([field]) => source[field] !== undefined && source[field] !== null) ||
    other.some((value) => value !== undefined && value !== null)
  );
}

/** `/name@bot rest`: the command without the bot's name; one for another bot is ordinary text. */
function readCommand(text: string, bot: BotIdentity): { text: string; addressed: boolean } | undefined {
  const match = /^\/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?=\s|$)/.exec(text);
  if (match === null) return undefined;
  const [whole, name, addressee] = match;
  if (addressee !== undefined && addressee.toLowerCase() !== bot.username.toLowerCase()) return undefined;
  return { text: `/${name ?? ''}${text.slice(whole.length)}`, addressed: addressee !== undefined };
}

function mentions(item: z.output<typeof entity>, text: string, bot: BotIdentity): boolean {
  if (item.type === 'text_mention') return String(item.user?.id ?? '') === bot.id;
  if (item.type !== 'mention') return false;
  const name = text.slice(item.offset, item.offset + item.length);
  return name.toLowerCase() === `@${bot.username.toLowerCase()}`;
}

function withoutMention(text: string, bot: BotIdentity): string {
  if (bot.username === '') return text.trim();
  const name = new RegExp(`@${bot.username.replaceAll(/\W/g, '')}(?![A-Za-z0-9_])`, 'gi');
  return text.replaceAll(name, '').trim();
}

function attachmentsOf(source: ChatMessage): readonly Attachment[] {
  const found: Attachment[] = [];
  for (const [field, kind] of attachmentKinds) {
    const value = source[field];
    // Of a photo Telegram sends every size; the last one is the largest.
    const item = Array.isArray(value) ? value.at(-1) : value;
    if (item === undefined || item === null) continue;
    found.push({
      id: item.file_id,
      kind,
      platformRef: item.file_id,
      ...(typeof item.mime_type === 'string' ? { mimeType: item.mime_type } : {}),
      ...(typeof item.file_name === 'string' ? { name: item.file_name } : {}),
      ...(typeof item.file_size === 'number' ? { sizeBytes: item.file_size } : {}),
    });
  }
  return found;
}
