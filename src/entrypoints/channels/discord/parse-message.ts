import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import type { Message, QuotedMessage } from '../../../protocol/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { readAttachments } from './attachments.ts';
import { discordUser, forwardedAttachments, peopleIn, readWords, writtenParts } from './read-content.ts';
import { lenient, snowflake, timeOfSnowflake } from './snowflake.ts';

/** Types of messages that people write: an ordinary one and a reply. */
const written = new Set([0, 19]);
/** A reference of this kind passes a message on instead of answering it. */
const forward = 1;

const chatMessage = z.object({
  id: snowflake,
  channel_id: snowflake,
  // One that cannot be read must not pass for a direct message.
  guild_id: snowflake.nullish(),
  author: discordUser,
  webhook_id: lenient(z.string()),
  type: lenient(z.int()),
  ...writtenParts.shape,
  member: lenient(z.object({ nick: lenient(z.string()) })),
  mention_roles: lenient(z.array(z.unknown())),
  attachments: z.unknown().optional(),
  sticker_items: lenient(z.array(z.unknown())),
  message_reference: lenient(z.object({ type: lenient(z.int()), message_id: lenient(snowflake) })),
  referenced_message: lenient(
    z.object({ author: lenient(discordUser), ...writtenParts.shape, attachments: z.unknown().optional() }),
  ),
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
  /** The bot's own role on a server, where that is known. */
  readonly roleOn: (guildId: string) => string | undefined;
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
  const botRole = typeof source.guild_id === 'string' ? context.roleOn(source.guild_id) : undefined;
  const isBot = (id: string | undefined): boolean => id === context.botId;
  const addressed =
    isDm ||
    peopleIn(source.mentions).some(({ id }) => isBot(id)) ||
    (botRole !== undefined && (source.mention_roles ?? []).includes(botRole)) ||
    isBot(source.referenced_message?.author?.id) ||
    (source.content ?? '').includes(`<@${context.botId}>`);
  const text = readWords(source, { botId: context.botId, botRole, ofBot: isFromBot(source) });
  const answered = source.referenced_message;
  // "What is on this picture?" is asked about a file that another person has sent.
  const about = isDm || !answered || isBot(answered.author?.id) ? [] : readAttachments(answered.attachments);
  const attachments = [...readAttachments(source.attachments), ...forwardedAttachments(source), ...about];
  const quoted = quotedBy(source, context);
  const isWritten = written.has(source.type ?? 0);
  const hasContent =
    text !== '' || attachments.length > 0 || (source.sticker_items ?? []).length > 0 || addressed;
  const name = source.member?.nick ?? author.global_name ?? author.username;
  const parent = isDm ? undefined : context.parentOf(source.channel_id);
  const { message_id: replyTo, type: referenceType } = source.message_reference ?? {};
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
    ...(typeof replyTo === 'string' && referenceType !== forward ? { reply_to: replyTo } : {}),
    ...(quoted === undefined ? {} : { quoted }),
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

/** What another person wrote and this message answers. What the bot wrote it knows. */
function quotedBy(
  { referenced_message: answered }: ChatMessage,
  { botId }: MessageContext,
): QuotedMessage | undefined {
  if (!answered || answered.author?.id === botId) return undefined;
  const text = readWords(answered, { botId: '', ofBot: answered.author?.bot === true });
  const name = answered.author?.global_name ?? answered.author?.username;
  return text === '' ? undefined : { text, ...(typeof name === 'string' ? { user_name: name } : {}) };
}
