import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import type { Message } from '../../../protocol/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { readAttachments } from './attachments.ts';
import { lenient, snowflake, timeOfSnowflake } from './snowflake.ts';

/** Types of messages that people write: an ordinary one and a reply. */
const written = new Set([0, 19]);

const user = z.object({
  id: snowflake,
  username: lenient(z.string()),
  global_name: lenient(z.string()),
  bot: lenient(z.boolean()),
});
const chatMessage = z.object({
  id: snowflake,
  channel_id: snowflake,
  guild_id: lenient(snowflake),
  author: user,
  webhook_id: lenient(z.string()),
  type: lenient(z.int()),
  content: lenient(z.string()),
  member: lenient(z.object({ nick: lenient(z.string()) })),
  mentions: lenient(z.array(z.unknown())),
  attachments: z.unknown().optional(),
  sticker_items: lenient(z.array(z.unknown())),
  poll: z.unknown().optional(),
  message_reference: lenient(z.object({ message_id: lenient(snowflake) })),
  referenced_message: lenient(z.object({ author: lenient(user) })),
});

type ChatMessage = z.output<typeof chatMessage>;

/** What reading needs to know. */
export interface MessageContext {
  readonly applicationId: string;
  /** The bot's user; old applications have another id than it. */
  readonly botId: string;
  /** Ids of other bots that are listened to. */
  readonly bots: readonly string[];
  readonly nowMs: number;
  /** The channel that a thread belongs to, where that is known. */
  readonly parentOf: (channelId: string) => string | undefined;
}

/** A message of Discord's as a message of the pipeline. Never throws. */
export function parseMessage(source: unknown, raw: JsonObject, context: MessageContext): ParsedUpdate {
  const parsed = chatMessage.safeParse(source);
  if (!parsed.success) return { ignored: 'a message without id, channel or author' };
  const message = parsed.data;
  if (message.author.id === context.botId) return { ignored: 'a message of its own' };
  if (isFromBot(message) && !context.bots.includes(message.author.id))
    return { ignored: 'a message from a bot' };
  return { message: toMessage(message, raw, context) };
}

const isFromBot = ({ author, webhook_id: webhook }: ChatMessage): boolean =>
  author.bot === true || typeof webhook === 'string';

function toMessage(source: ChatMessage, raw: JsonObject, context: MessageContext): Message {
  const { author } = source;
  const isDm = typeof source.guild_id !== 'string';
  const people = (source.mentions ?? []).flatMap((one) => {
    const mentioned = user.safeParse(one);
    return mentioned.success ? [mentioned.data] : [];
  });
  const isBot = (id: string | undefined): boolean => id === context.botId;
  const addressed =
    isDm ||
    people.some(({ id }) => isBot(id)) ||
    isBot(source.referenced_message?.author?.id) ||
    (source.content ?? '').includes(`<@${context.botId}>`);
  const text = readable(source.content ?? '', people, context.botId);
  const attachments = readAttachments(source.attachments);
  const isWritten = written.has(source.type ?? 0);
  const hasContent =
    text !== '' || attachments.length > 0 || (source.sticker_items ?? []).length > 0 || addressed;
  const name = source.member?.nick ?? author.global_name ?? author.username;
  const parent = isDm ? undefined : context.parentOf(source.channel_id);
  const replyTo = source.message_reference?.message_id;
  return {
    platform: 'discord',
    account_id: context.applicationId,
    channel_id: parent ?? source.channel_id,
    ...(typeof source.guild_id === 'string' ? { guild_id: source.guild_id } : {}),
    user_id: author.id,
    ...(typeof name === 'string' ? { user_name: name } : {}),
    text,
    timestamp: timeOfSnowflake(source.id, context.nowMs),
    ...(parent === undefined ? {} : { thread_id: source.channel_id }),
    message_id: source.id,
    ...(typeof replyTo === 'string' ? { reply_to: replyTo } : {}),
    // Without the intent for contents a message is empty: nothing to answer.
    kind: !isWritten || !hasContent ? 'status' : /^\/[a-z]/i.test(text) ? 'command' : 'message',
    chat_type: isDm ? 'dm' : 'group',
    mentions_bot: addressed,
    ...(isFromBot(source) ? { from_bot: true } : {}),
    attachments,
    dedupe_key: `discord:${context.applicationId}:${source.id}`,
    metadata: { raw },
  };
}

/** The text without the bot's own mention; other people by their names. */
function readable(content: string, people: readonly z.output<typeof user>[], botId: string): string {
  const names = new Map(people.map((one) => [one.id, one.global_name ?? one.username]));
  return content
    .replaceAll(/<@!?(\d{1,25})>/g, (mention, id: string) => {
      if (id === botId) return '';
      const name = names.get(id);
      return typeof name === 'string' ? `@${name}` : mention;
    })
    .trim();
}
