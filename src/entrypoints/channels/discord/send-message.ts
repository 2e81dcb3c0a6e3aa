import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { Chunk, ChunkAction, OutgoingFile } from '../channel-adapter.ts';
import type { DiscordApi, DiscordCall } from './discord-api.ts';

const sendTimeoutMs = 20_000;
const fileTimeoutMs = 120_000;
const callTimeoutMs = 5000;
const suppressEmbeds = 4;
const onlyForThePerson = 64;
const mostButtonsInRow = 5;
const longestLabel = 80;
const longestCustomId = 100;
const actionRow = 1;
const button = { type: 2, primary: 1, secondary: 2 } as const;

/** Sends one chunk into a channel or thread and returns the message's id. The same key within minutes: the same message. */
export async function sendToChannel(
  api: DiscordApi,
  target: { readonly channelId: string; readonly replyToMessageId?: string | undefined },
  chunk: Chunk,
  options: { signal: AbortSignal; key?: string | undefined },
): Promise<string> {
  const { channelId, replyToMessageId: quoted } = target;
  const sent = await api({
    method: 'POST',
    path: `/channels/${encodeURIComponent(channelId)}/messages`,
    route: `sending to channel ${channelId}`,
    body: {
      ...messageBody(chunk),
      ...(options.key === undefined ? {} : { nonce: nonceOf(options.key), enforce_nonce: true }),
      ...(quoted === undefined
        ? {}
        : { message_reference: { message_id: quoted, fail_if_not_exists: false } }),
    },
    as: 'bot',
    signal: options.signal,
    timeoutMs: sendTimeoutMs,
  });
  return idOf(sent);
}

/** Makes a message of ours say something else; doing it twice changes nothing. */
export async function editMessage(
  api: DiscordApi,
  { channelId, messageId }: { readonly channelId: string; readonly messageId: string },
  chunk: Chunk,
  signal: AbortSignal,
): Promise<void> {
  await api({
    method: 'PATCH',
    path: `/channels/${encodeURIComponent(channelId)}/messages/${encodeURIComponent(messageId)}`,
    route: `editing in channel ${channelId}`,
    body: editedBody(chunk),
    as: 'bot',
    signal,
    timeoutMs: sendTimeoutMs,
  });
}

/** Sends a file into a channel or thread and returns the message's id. The same key within minutes: the same message. */
export async function sendFileToChannel(
  api: DiscordApi,
  channelId: string,
  file: OutgoingFile,
  options: { signal: AbortSignal; key?: string | undefined },
): Promise<string> {
  const sent = await api({
    method: 'POST',
    path: `/channels/${encodeURIComponent(channelId)}/messages`,
    route: `sending to channel ${channelId}`,
    ...fileMessage(file, { key: options.key }),
    as: 'bot',
    signal: options.signal,
  });
  return idOf(sent);
}

/** A message that is a file. */
export function fileMessage(
  file: OutgoingFile,
  { key, ephemeral = false }: { key?: string | undefined; ephemeral?: boolean },
): Pick<DiscordCall, 'body' | 'file' | 'timeoutMs'> {
  return {
    body: {
      attachments: [{ id: 0, filename: file.name }],
      allowed_mentions: { parse: [] },
      ...(ephemeral ? { flags: onlyForThePerson } : {}),
      ...(key === undefined ? {} : { nonce: nonceOf(key), enforce_nonce: true }),
    },
    file: { field: 'files[0]', ...file },
    timeoutMs: fileTimeoutMs,
  };
}

/** Shows "typing" for up to ten seconds. */
export async function showTyping(api: DiscordApi, channelId: string, signal: AbortSignal): Promise<void> {
  await api({
    method: 'POST',
    path: `/channels/${encodeURIComponent(channelId)}/typing`,
    route: `typing in channel ${channelId}`,
    as: 'bot',
    signal,
    timeoutMs: callTimeoutMs,
  });
}

/** The channel of direct messages with a person. */
export async function openDirectChannel(
  api: DiscordApi,
  userId: string,
  signal: AbortSignal,
): Promise<string> {
  const channel = await api({
    method: 'POST',
    path: '/users/@me/channels',
    route: 'opening a direct channel',
    body: { recipient_id: userId },
    as: 'bot',
    signal,
    timeoutMs: callTimeoutMs,
  });
  return idOf(channel);
}

/** A chunk as Discord takes it: nobody is pinged, no page is previewed. */
export function messageBody(chunk: Chunk, options: { ephemeral?: boolean } = {}): JsonObject {
  return {
    content: chunk.body,
    allowed_mentions: { parse: [] },
    flags: suppressEmbeds + (options.ephemeral === true ? onlyForThePerson : 0),
    ...componentsOf(chunk.actions ?? []),
  };
}

/** A chunk in the place of another one: buttons of that one go away. */
export function editedBody(chunk: Chunk): JsonObject {
  return { components: [], ...messageBody(chunk) };
}

/** The id in an answer of Discord's. */
export function idOf(answer: Json): string {
  return isJsonObject(answer) && typeof answer['id'] === 'string' ? answer['id'] : '';
}

function componentsOf(actions: readonly ChunkAction[]): JsonObject {
  const row = actions
    .filter(({ command }) => command.length <= longestCustomId)
    .slice(0, mostButtonsInRow)
    .map(({ label, command }, index) => ({
      type: button.type,
      style: index === 0 ? button.primary : button.secondary,
      label: label.slice(0, longestLabel),
      custom_id: command,
    }));
  return row.length === 0 ? {} : { components: [{ type: actionRow, components: row }] };
}

/** Twenty-four characters; Discord takes up to twenty-five. */
function nonceOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 24);
}
