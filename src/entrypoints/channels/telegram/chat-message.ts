import { z } from 'zod';
import type { Attachment } from '../../../protocol/index.ts';
import { lenient, telegramId, telegramUser } from './telegram-fields.ts';

const text = lenient(z.string());
const flag = lenient(z.boolean());
const entities = lenient(z.array(z.unknown()));
const file = z.object({
  file_id: z.string(),
  file_name: text,
  mime_type: text,
  file_size: lenient(z.number().nonnegative()),
});
const written = z.object({ text, caption: text });
const place = z.object({ id: telegramId, title: text });
const files = z.object({
  photo: lenient(z.array(file)),
  document: lenient(file),
  audio: lenient(file),
  voice: lenient(file),
  video: lenient(file),
  video_note: lenient(file),
  animation: lenient(file),
  sticker: lenient(file),
});

/** A message of Telegram's, as far as it is read. */
export const chatMessage = z.object({
  message_id: z.int(),
  date: lenient(z.int().min(0).max(8_640_000_000_000)),
  chat: z.object({ id: telegramId, type: z.string(), is_forum: flag, is_direct_messages: flag }),
  from: lenient(telegramUser),
  sender_chat: lenient(place),
  author_signature: text,
  is_automatic_forward: flag,
  ...written.shape,
  entities,
  caption_entities: entities,
  message_thread_id: lenient(z.int()),
  is_topic_message: flag,
  media_group_id: text,
  reply_to_message: lenient(
    z.object({
      message_id: z.int(),
      from: lenient(telegramUser),
      sender_chat: lenient(place),
      ...written.shape,
      ...files.shape,
    }),
  ),
  forward_origin: lenient(
    z.object({
      sender_user: lenient(telegramUser),
      sender_user_name: text,
      sender_chat: lenient(place),
      chat: lenient(place),
    }),
  ),
  quote: lenient(z.object({ text: z.string() })),
  ...files.shape,
  story: z.unknown().optional(),
});

export type ChatMessage = z.output<typeof chatMessage>;

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

/** The files of a message. */
export function attachmentsOf(source: z.output<typeof files>): readonly Attachment[] {
  const found: Attachment[] = [];
  for (const [field, kind] of attachmentKinds) {
    const value = source[field];
    // Of a photo Telegram sends every size; the last one is the largest.
    const item = Array.isArray(value) ? value.at(-1) : value;
    // A moving picture comes as a document too.
    if (item === undefined || item === null || found.some(({ id }) => id === item.file_id)) continue;
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
