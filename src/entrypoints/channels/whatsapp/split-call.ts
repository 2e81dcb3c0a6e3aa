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
  const { messages, statuses, user_id_update: renamed, ...shared } = value;
  const { metadata } = shared;
  const phoneNumberId = isJsonObject(metadata) ? wordOf(metadata['phone_number_id']) : '';
  const contacts = objectsIn(value['contacts']);
  const lone = (name: 'messages' | 'statuses' | 'user_id_update', item: JsonObject): JsonObject => ({
    ...update,
    entry: [{ ...entry, changes: [{ ...change, value: { ...shared, [name]: [item] } }] }],
  });
  return [
    ...objectsIn(messages).map((item) => ({
      kind: 'message' as const,
      item,
      contacts,
      phoneNumberId,
      raw: lone('messages', item),
    })),
    ...objectsIn(statuses).map((item) => ({
      kind: 'status' as const,
      item,
      contacts,
      phoneNumberId,
      raw: lone('statuses', item),
    })),
    ...objectsIn(renamed).map((item) => ({
      kind: 'identity' as const,
      item,
      contacts,
      phoneNumberId,
      raw: lone('user_id_update', item),
    })),
  ];
}

function objectsIn(list: Json | undefined): readonly JsonObject[] {
  return Array.isArray(list) ? (list as readonly Json[]).filter(isJsonObject) : [];
}
