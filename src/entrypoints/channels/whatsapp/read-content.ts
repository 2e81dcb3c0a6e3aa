import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { Attachment, Message } from '../../../protocol/index.ts';
import { readAttachment } from './read-attachment.ts';
import { readContacts, readLocation, readOrder } from './read-cards.ts';
import { lenient, wordOf } from './whatsapp-update.ts';

/** What a message says. */
export interface WhatsAppContent {
  readonly kind: Message['kind'];
  readonly text: string;
  readonly attachments: readonly Attachment[];
  /** The message that a reaction or an edit is about. */
  readonly about?: string;
}

type Read = WhatsAppContent | { readonly ignored: string };

const text = lenient(z.string());
const choice = lenient(z.object({ id: text, title: text }));
const written = z.object({ body: text });
const interactive = z.object({
  button_reply: choice,
  list_reply: choice,
  nfm_reply: lenient(z.object({ response_json: text })),
});
const button = z.object({ payload: text, text });
const reaction = z.object({ message_id: z.string().min(1), emoji: text });
const edit = z.object({ original_message_id: text, message: z.unknown() });

/** Kinds that tell of something and ask for no answer. Answering `unsupported` would let two bots talk for ever. */
const silent: Readonly<Record<string, string>> = {
  unsupported: 'a message that WhatsApp does not pass on',
  system: 'a notice',
  request_welcome: 'somebody opened the chat',
  revoke: 'a message was taken back',
};
const media = new Set(['image', 'audio', 'video', 'document', 'sticker']);

/** The type of a message that does not name it, which some of Meta's own examples do not. */
export function typeOf(message: JsonObject): string {
  return (
    ['text', ...media, 'location', 'contacts', 'order'].find((type) => message[type] !== undefined) ?? ''
  );
}

/** The content of a message by its type. Never throws. */
export function readContent(message: JsonObject, type: string, commands: readonly string[]): Read {
  const reason = Object.hasOwn(silent, type) ? silent[type] : undefined;
  if (reason !== undefined) return { ignored: reason };
  const inner = message[type];
  if (media.has(type)) return readMedia(inner, type);
  switch (type) {
    case 'text':
      return textContent(written.safeParse(inner).data?.body ?? '');
    case 'interactive':
      return readChoice(inner, commands);
    case 'button': {
      const pressed = button.safeParse(inner).data;
      return chosen(pressed?.payload, pressed?.text, commands);
    }
    case 'reaction': {
      const parsed = reaction.safeParse(inner);
      if (!parsed.success) return { ignored: 'a reaction to nothing' };
      const { message_id: about, emoji } = parsed.data;
      return { kind: 'reaction', text: emoji ?? '', attachments: [], about };
    }
    case 'edit':
      return readEdit(inner, commands);
    case 'location':
      return plainContent(readLocation(inner));
    case 'contacts':
      return plainContent(readContacts(inner));
    case 'order':
      return plainContent(readOrder(inner));
    default:
      return { ignored: `a message of the type "${type.slice(0, 60)}", which is not handled` };
  }
}

function readMedia(inner: unknown, type: string): Read {
  const { attachment, caption } = readAttachment(inner, type);
  return { kind: 'message', text: caption, attachments: attachment === undefined ? [] : [attachment] };
}

function textContent(body: string): WhatsAppContent {
  const trimmed = body.trim();
  const kind = /^\/[A-Za-z0-9_]{1,32}(?=\s|$)/.test(trimmed) ? 'command' : 'message';
  return { kind, text: trimmed, attachments: [] };
}

function plainContent(words: string): WhatsAppContent {
  return { kind: 'message', text: words, attachments: [] };
}

function readChoice(inner: unknown, commands: readonly string[]): Read {
  const parsed = interactive.safeParse(inner);
  if (!parsed.success) return { ignored: 'a choice of nothing' };
  const { button_reply: pressed, list_reply: picked, nfm_reply: form } = parsed.data;
  if (typeof form?.response_json === 'string') return plainContent(form.response_json);
  const reply = pressed ?? picked;
  return chosen(reply?.id, reply?.title, commands);
}

/** A button whose id is a command stands for it; of any other its words count. */
function chosen(
  id: string | null | undefined,
  title: string | null | undefined,
  commands: readonly string[],
): Read {
  const name = /^\/([A-Za-z0-9_]{1,32})(?=\s|$)/.exec(id ?? '')?.[1]?.toLowerCase();
  if (name !== undefined)
    return { kind: commands.includes(name) ? 'command' : 'interaction', text: id ?? '', attachments: [] };
  const words = (title ?? id ?? '').trim();
  return words === '' ? { ignored: 'a choice of nothing' } : plainContent(words);
}

function readEdit(inner: unknown, commands: readonly string[]): Read {
  const parsed = edit.safeParse(inner);
  const changed = parsed.success ? parsed.data.message : undefined;
  if (!parsed.success || !isJsonObject(changed)) return { ignored: 'an edit without content' };
  const type = wordOf(changed['type']);
  const content = type === 'edit' ? { ignored: 'an edit of an edit' } : readContent(changed, type, commands);
  if ('ignored' in content) return content;
  const about = parsed.data.original_message_id;
  return { ...content, kind: 'edit', ...(typeof about === 'string' ? { about } : {}) };
}
