import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type { Chunk } from '../channel-adapter.ts';
import { callAsSend, WhatsAppSendError } from './call-as-send.ts';
import { unreadable, windowClosed } from './error-codes.ts';
import {
  interactiveContent,
  templateContent,
  templateTexts,
  textContent,
  type WhatsAppTemplate,
} from './message-content.ts';
import type { WhatsAppApi } from './whatsapp-api.ts';
import { isScopedId } from './whatsapp-update.ts';

const sendTimeoutMs = 20_000;
const callTimeoutMs = 4000;
const mostRemembered = 1000;
const templateMark = ':template';

/** What sending stands on. */
export interface SendDeps {
  readonly api: WhatsAppApi;
  readonly phoneNumberId: string;
  readonly template: WhatsAppTemplate | undefined;
  /** Pieces of templates that WhatsApp took, by the key of their chunk: a repetition goes on behind them. */
  readonly piecesSent: Map<string, number>;
}

/**
 * Sends one chunk and returns the message's id: as text, with buttons where it has some, and as a template where
 * WhatsApp takes only those. Statuses of the message bring the key back.
 */
export async function sendWhatsAppChunk(
  deps: SendDeps,
  address: ReplyAddress,
  chunk: Chunk,
  options: { readonly signal: AbortSignal; readonly key?: string },
): Promise<string> {
  const { template } = deps;
  if (address.templateOnly === true && template !== undefined)
    return sendTemplate(deps, template, address, chunk, options);
  try {
    return await sendFree(deps, address, chunk, options);
  } catch (error) {
    const isClosed = error instanceof WhatsAppSendError && error.errorCode === windowClosed;
    if (!isClosed || template === undefined) throw error;
    return sendTemplate(deps, template, address, chunk, options);
  }
}

/** Shows the message as read, and "typing" for up to 25 seconds or until something is sent. */
export async function showWhatsAppTyping(
  { api, phoneNumberId }: Pick<SendDeps, 'api' | 'phoneNumberId'>,
  { answeredMessageId }: ReplyAddress,
  signal: AbortSignal,
): Promise<void> {
  if (answeredMessageId === undefined) return;
  const body = {
    messaging_product: 'whatsapp',
    status: 'read',
    message_id: answeredMessageId,
    typing_indicator: { type: 'text' },
  };
  const path = `${phoneNumberId}/messages`;
  const call = { method: 'POST', path, action: 'the sign of typing', body, signal } as const;
  await callAsSend(() => api({ ...call, timeoutMs: callTimeoutMs }));
}

/** The key that a status brings back, and whether a template was sent under it. */
export function readCallbackData(data: string): { readonly key: string; readonly isTemplate: boolean } {
  const isTemplate = data.endsWith(templateMark);
  return { key: isTemplate ? data.slice(0, -templateMark.length) : data, isTemplate };
}

async function sendFree(
  deps: SendDeps,
  address: ReplyAddress,
  chunk: Chunk,
  { signal, key }: { readonly signal: AbortSignal; readonly key?: string },
): Promise<string> {
  const { actions = [], body } = chunk;
  const { replyToMessageId: quoted, ...plainAddress } = address;
  const content = actions.length === 0 ? textContent(body) : interactiveContent(chunk, actions);
  try {
    return await postMessage(deps, address, content, signal, key);
  } catch (error) {
    const code = error instanceof WhatsAppSendError ? error.errorCode : undefined;
    const isPlain = actions.length === 0 && quoted === undefined;
    if (code === undefined || !unreadable.has(code) || isPlain) throw error;
    // The text names the commands too.
    return postMessage(deps, plainAddress, textContent(body), signal, key);
  }
}

async function sendTemplate(
  deps: SendDeps,
  template: WhatsAppTemplate,
  address: ReplyAddress,
  chunk: Chunk,
  { signal, key }: { readonly signal: AbortSignal; readonly key?: string },
): Promise<string> {
  const { replyToMessageId: _quoted, ...plainAddress } = address;
  const data = key === undefined ? undefined : `${key}${templateMark}`;
  let id = '';
  for (const [index, text] of templateTexts(chunk.plain).entries()) {
    if (index < (deps.piecesSent.get(data ?? '') ?? 0)) continue;
    id = await postMessage(deps, plainAddress, templateContent(template, text), signal, data);
    if (data !== undefined) remember(deps.piecesSent, data, index + 1);
  }
  deps.piecesSent.delete(data ?? '');
  return id;
}

function remember(piecesSent: Map<string, number>, data: string, count: number): void {
  if (piecesSent.size >= mostRemembered) piecesSent.clear();
  piecesSent.set(data, count);
}

/** Posts a message with this content and returns its id. */
export function postMessage(
  { api, phoneNumberId }: SendDeps,
  address: ReplyAddress,
  content: JsonObject,
  signal: AbortSignal,
  callbackData: string | undefined,
): Promise<string> {
  const { replyToMessageId: quoted } = address;
  const body = {
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    ...recipientOf(address.chatId),
    ...(quoted === undefined ? {} : { context: { message_id: quoted } }),
    ...(callbackData === undefined ? {} : { biz_opaque_callback_data: callbackData }),
    ...content,
  };
  const call = { method: 'POST', path: `${phoneNumberId}/messages`, action: 'a message', body } as const;
  return callAsSend(async () => idOf(await api({ ...call, signal, timeoutMs: sendTimeoutMs })));
}

/** Phone numbers may be written as people write them. */
function recipientOf(chatId: string): JsonObject {
  return isScopedId(chatId) ? { recipient: chatId } : { to: chatId.replaceAll(/[\s()+-]/g, '') };
}

function idOf({ messages }: JsonObject): string {
  const first: Json | undefined = Array.isArray(messages) ? messages[0] : undefined;
  return isJsonObject(first) && typeof first['id'] === 'string' ? first['id'] : '';
}
