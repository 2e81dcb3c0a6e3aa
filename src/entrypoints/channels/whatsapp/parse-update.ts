import { z } from 'zod';
import type { Message } from '../../../protocol/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { readContent, typeOf } from './read-content.ts';
import { withOrigin } from './read-origin.ts';
import { splitCall } from './split-call.ts';
import {
  lenient,
  messageId,
  personIds,
  type PersonIds,
  type WhatsAppEvent,
  type WhatsAppReader,
} from './whatsapp-update.ts';

const text = lenient(z.string());
const head = z.object({
  id: messageId,
  from: text,
  from_user_id: text,
  from_parent_user_id: text,
  timestamp: lenient(z.union([z.string().regex(/^\d{1,12}$/), z.int().nonnegative()])),
  type: text,
  group_id: text,
  context: lenient(z.object({ id: text })),
});
const contact = z.object({
  wa_id: text,
  user_id: text,
  parent_user_id: text,
  profile: lenient(z.object({ name: text, username: text })),
});

type Contact = z.output<typeof contact>;

/** A call with one message in it as a message of the pipeline. Never throws. */
export function parseWhatsAppUpdate(update: unknown, reader: WhatsAppReader): ParsedUpdate {
  const { events, skipped } = splitCall(update);
  const [event] = events;
  if (event === undefined) return { ignored: skipped.join('; ') };
  if (events.length > 1) return { ignored: `${events.length} events, which are taken in one by one` };
  return parseWhatsAppEvent(event, reader);
}

/** One message of a call as a message of the pipeline. Never throws. */
export function parseWhatsAppEvent(event: WhatsAppEvent, reader: WhatsAppReader): ParsedUpdate {
  if (event.phoneNumberId !== reader.phoneNumberId)
    return { ignored: `for another phone number id, "${event.phoneNumberId.slice(0, 40)}"` };
  if (event.kind === 'status') return { ignored: 'a status of a message that was sent' };
  if (event.kind === 'identity') return { ignored: 'a notice of changed ids' };
  const parsed = head.safeParse(event.item);
  if (!parsed.success) return { ignored: 'a message without id' };
  const { id, timestamp, context, group_id: group } = parsed.data;
  if (isPresent(group)) return { ignored: 'a message in a group' };
  const sender = senderOf(parsed.data, event.contacts);
  const [userId, ...aliases] = [sender.ids.scoped, sender.ids.phone, sender.ids.parent].filter(isPresent);
  if (userId === undefined) return { ignored: 'a message without sender' };
  const read = readContent(event.item, parsed.data.type ?? typeOf(event.item), reader.commands);
  if ('ignored' in read) return read;
  const content = withOrigin(read, event.item);
  const quoted = context?.id;
  const message: Message = {
    platform: 'whatsapp',
    account_id: reader.phoneNumberId,
    channel_id: userId,
    user_id: userId,
    ...(aliases.length === 0 ? {} : { user_aliases: aliases }),
    ...(sender.name === undefined ? {} : { user_name: sender.name }),
    text: content.text,
    timestamp: timeOf(timestamp, reader.nowMs),
    message_id: id,
    ...(isPresent(content.about ?? quoted) ? { reply_to: content.about ?? quoted ?? '' } : {}),
    kind: content.kind,
    chat_type: 'dm',
    mentions_bot: true,
    attachments: content.attachments,
    dedupe_key: `whatsapp:${reader.phoneNumberId}:${id}`,
    metadata: { raw: event.raw },
  };
  return { message };
}

/** Who wrote it: a call names its people once, beside the messages. */
function senderOf(
  message: z.output<typeof head>,
  contacts: WhatsAppEvent['contacts'],
): { readonly ids: PersonIds; readonly name: string | undefined } {
  const own = [message.from_user_id, message.from, message.from_parent_user_id];
  const people = contacts.flatMap((one) => {
    const parsed = contact.safeParse(one);
    return parsed.success ? [parsed.data] : [];
  });
  const isSender = ({ wa_id, user_id, parent_user_id }: Contact): boolean =>
    [wa_id, user_id, parent_user_id].some((id) => isPresent(id) && own.includes(id));
  // A phone number may differ from `wa_id` by a digit; with one person there is no doubt.
  const person = people.find(isSender) ?? (people.length === 1 ? people[0] : undefined);
  const ids = personIds([...own, person?.user_id, person?.wa_id, person?.parent_user_id]);
  return { ids, name: [person?.profile?.name, person?.profile?.username].find(isPresent) };
}

function isPresent(value: string | null | undefined): value is string {
  return typeof value === 'string' && value !== '';
}

function timeOf(timestamp: string | number | null | undefined, nowMs: number): string {
  const milliseconds = Number(timestamp ?? Number.NaN) * 1000;
  const isDate = milliseconds > 0 && milliseconds <= 8.64e15;
  return new Date(isDate ? milliseconds : nowMs).toISOString();
}
