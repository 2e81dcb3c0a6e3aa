import { createHash } from 'node:crypto';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { Message } from '../../../protocol/index.ts';
import type { WebhookCall } from './decode-call.ts';
import type { MappedCall } from './map-call.ts';

/** A call as it was decoded, or as a program gives it; `undefined`: it is none. */
export function readCall(update: unknown): WebhookCall | undefined {
  if (!isJsonObject(update)) return undefined;
  const { body, headers, query, digest } = update;
  if (body === undefined || body === null) return undefined;
  return {
    body,
    headers: textsIn(headers),
    query: textsIn(query),
    digest:
      typeof digest === 'string' ? digest : createHash('sha256').update(canonicalJson(body)).digest('hex'),
  };
}

function textsIn(value: Json | undefined): Record<string, string> {
  if (!isJsonObject(value)) return {};
  const texts = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(texts);
}

/** The message of a call. Its conversation is the one that it names, else one of its user, else its own. */
export function messageOfCall(
  call: MappedCall,
  { raw, channel, nowMs }: { readonly raw: Json; readonly channel: string; readonly nowMs: number },
): Message {
  const { text, userId, userName, conversationId, messageId, event, inputs, replyUrl } = call;
  const place = conversationId ?? (userId === undefined ? `event:${messageId}` : `user:${userId}`);
  const metadata: JsonObject = event === undefined ? {} : { event_type: event };
  return {
    platform: 'webhook',
    account_id: channel,
    channel_id: place,
    user_id: userId ?? 'webhook',
    ...(userName === undefined ? {} : { user_name: userName }),
    text,
    timestamp: new Date(nowMs).toISOString(),
    message_id: messageId,
    kind: 'message',
    chat_type: 'dm',
    mentions_bot: true,
    attachments: [],
    dedupe_key: `${channel}:${messageId}`,
    metadata: { ...(event === undefined ? {} : { event }), raw },
    order: {
      ...(inputs === undefined ? {} : { inputs }),
      ...(replyUrl === undefined ? {} : { replyUrl }),
      metadata,
    },
  };
}
