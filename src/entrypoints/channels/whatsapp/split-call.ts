import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import { wordOf, type WhatsAppEvent } from './whatsapp-update.ts';

/** What is read; everything else tells of the account. */
const readFields = new Set<unknown>(['messages', 'user_id_update']);

/**
 * The messages, statuses and changed ids of a call, in its order; `skipped` says of everything else why it is left out. A call
 * carries entries, those carry changes, and those carry messages or statuses, any number of each. Never throws.
 */
export function splitCall(update: unknown): {
  readonly events: readonly WhatsAppEvent[];
  readonly skipped: readonly string[];
} {
  const events: WhatsAppEvent[] = [];
  const skipped: string[] = [];
  if (!isJsonObject(update)) return { events, skipped: ['no object'] };
  for (const entry of objectsIn(update['entry'])) {
    for (const change of objectsIn(entry['changes'])) {
      const value = change['value'];
      if (!readFields.has(change['field']) || !isJsonObject(value)) {
        skipped.push(`a change of "${wordOf(change['field']).slice(0, 60)}"`);
        continue;
      }
      events.push(...eventsOf({ update, entry, change, value }));
    }
  }
  if (events.length === 0 && skipped.length === 0) skipped.push('a call without messages and statuses');
  return { events, skipped };
}

interface Place {
  readonly update: JsonObject;
  readonly entry: JsonObject;
  readonly change: JsonObject;
  readonly value: JsonObject;
}

function eventsOf({ update, entry, change, value }: Place): readonly WhatsAppEvent[] {
  const { messages, statuses, user_id_update: renamed, contacts, ...shared } = value;
  const { metadata } = shared;
  const phoneNumberId = isJsonObject(metadata) ? wordOf(metadata['phone_number_id']) : '';
  const contactsOf = contactFinder(objectsIn(contacts));
  const lone = (
    kind: WhatsAppEvent['kind'],
    name: string,
    list: Json | undefined,
  ): readonly WhatsAppEvent[] =>
    objectsIn(list).map((item) => {
      const people = contactsOf(item);
      const alone = { ...shared, ...(people.length === 0 ? {} : { contacts: people }), [name]: [item] };
      const raw = { ...update, entry: [{ ...entry, changes: [{ ...change, value: alone }] }] };
      return { kind, item, contacts: people, phoneNumberId, raw };
    });
  return [
    ...lone('message', 'messages', messages),
    ...lone('status', 'statuses', statuses),
    ...lone('identity', 'user_id_update', renamed),
  ];
}

/**
 * The contact of whoever sent a message. A call names its people once, beside the messages; given to each message, those
 * of a large call would be copied as often as there are messages.
 */
function contactFinder(contacts: readonly JsonObject[]): (item: JsonObject) => readonly JsonObject[] {
  if (contacts.length <= 1) return () => contacts;
  const byId = new Map<string, JsonObject>();
  for (const contact of contacts) {
    for (const id of idsIn(contact, ['wa_id', 'user_id', 'parent_user_id']))
      if (!byId.has(id)) byId.set(id, contact);
  }
  return (item) => {
    const ids = idsIn(item, ['from_user_id', 'from', 'from_parent_user_id']);
    const found = ids.map((id) => byId.get(id)).find((contact) => contact !== undefined);
    return found === undefined ? [] : [found];
  };
}

function idsIn(object: JsonObject, names: readonly string[]): readonly string[] {
  return names.map((name) => wordOf(object[name])).filter((id) => id !== '');
}

function objectsIn(list: Json | undefined): readonly JsonObject[] {
  return Array.isArray(list) ? (list as readonly Json[]).filter(isJsonObject) : [];
}
