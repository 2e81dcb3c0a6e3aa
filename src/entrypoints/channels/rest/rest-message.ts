import { randomUUID } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { Message, RunTarget, Scope } from '../../../protocol/index.ts';
import type { ParsedUpdate, ProgramMessage } from '../channel-adapter.ts';
import { fingerprintOf } from '../fingerprint-of.ts';

/** A message as a program says it, in the form of the API. */
export function updateOf(message: ProgramMessage): JsonObject {
  const { text, inputs, userId, userName, conversationId, metadata, target, callbackUrl, key } = message;
  const given = {
    text,
    inputs,
    user_id: userId,
    user_name: userName,
    conversation_id: conversationId,
    metadata,
    target: target === undefined ? undefined : { ...target },
    callback_url: callbackUrl,
    key: key ?? randomUUID(),
    fingerprint: fingerprintOf(message),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Reads one. Never throws. */
export function parseRestUpdate(
  update: unknown,
  { channel, nowMs, caller }: { readonly channel: string; readonly nowMs: number; readonly caller?: Scope },
): ParsedUpdate {
  if (!isJsonObject(update)) return { ignored: 'this is no message' };
  const text = textIn(update['text']);
  const key = textIn(update['key']);
  if (text === undefined || key === undefined) return { ignored: 'the message has no text' };
  const userId = textIn(update['user_id']);
  const userName = textIn(update['user_name']);
  const metadata = objectIn(update['metadata']) ?? {};
  const inputs = objectIn(update['inputs']);
  const target = targetIn(update['target']);
  const replyUrl = textIn(update['callback_url']);
  const fingerprint = textIn(update['fingerprint']);
  const message: Message = {
    platform: 'rest',
    account_id: channel,
    channel_id:
      textIn(update['conversation_id']) ?? (userId === undefined ? `message:${key}` : `user:${userId}`),
    user_id: userId ?? caller?.principal ?? 'caller',
    ...(userName === undefined ? {} : { user_name: userName }),
    text,
    timestamp: new Date(nowMs).toISOString(),
    message_id: key,
    kind: 'message',
    chat_type: 'dm',
    mentions_bot: true,
    attachments: [],
    dedupe_key: `${channel}:${caller?.principal ?? ''}:${key}`,
    metadata: { ...metadata, raw: update },
    order: {
      ...(caller === undefined ? {} : { caller }),
      ...(inputs === undefined ? {} : { inputs }),
      ...(target === undefined ? {} : { target }),
      ...(replyUrl === undefined ? {} : { replyUrl }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
      metadata,
    },
  };
  return { message };
}

function textIn(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

function objectIn(value: Json | undefined): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

const kinds = ['agent', 'team', 'workflow'] as const;

function targetIn(value: Json | undefined): RunTarget | undefined {
  if (!isJsonObject(value)) return undefined;
  const kind = kinds.find((one) => one === value['kind']);
  const name = textIn(value['name']);
  return kind === undefined || name === undefined ? undefined : { kind, name };
}
