import type { QuotedMessage } from '../../../protocol/index.ts';
import type { ChatMessage } from './chat-message.ts';
import { nameOfUser } from './telegram-fields.ts';

/**
 * The message that somebody answers. In a topic Telegram names the topic's own beginning where nobody was answered; that
 * one is left out.
 */
export function repliedTo({
  reply_to_message: replied,
  is_topic_message: inTopic,
  message_thread_id: topic,
}: ChatMessage): NonNullable<ChatMessage['reply_to_message']> | undefined {
  if (replied === undefined || replied === null) return undefined;
  return inTopic === true && replied.message_id === topic ? undefined : replied;
}

/** What is quoted: the part that was chosen, else what another person wrote. What the bot wrote it knows. */
export function readQuote(source: ChatMessage, botId: string): QuotedMessage | undefined {
  const replied = repliedTo(source);
  const chosen = source.quote?.text;
  const isOwn = String(replied?.from?.id ?? '') === botId;
  const text = chosen ?? (isOwn ? undefined : (replied?.text ?? replied?.caption));
  if (typeof text !== 'string' || text.trim() === '') return undefined;
  const name = replied?.sender_chat?.title ?? (replied?.from ? nameOfUser(replied.from) : undefined);
  return { text, ...(name === undefined ? {} : { user_name: name }) };
}

/** Who wrote what is passed on, where that is told; `undefined`: the sender's own words. */
export function forwardedFrom({
  forward_origin: origin,
}: ChatMessage): { readonly name: string | undefined } | undefined {
  if (!origin) return undefined;
  const { sender_user: user, sender_user_name: hidden, sender_chat: group, chat } = origin;
  return {
    name: (user ? nameOfUser(user) : undefined) ?? hidden ?? group?.title ?? chat?.title ?? undefined,
  };
}
