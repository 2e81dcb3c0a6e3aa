import { isJsonObject } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type { OutgoingFile } from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './call-as-send.ts';
import { targetOf } from './target-of.ts';
import type { TelegramApi } from './telegram-api.ts';

const sendTimeoutMs = 120_000;
const mostPhotoBytes = 10_000_000;
const photoTypes: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp']);

/** Sends a file, as a photo where Telegram shows it as one and else as a document. Returns the message id. */
export async function sendTelegramFile(
  api: TelegramApi,
  address: ReplyAddress,
  file: OutgoingFile,
  signal: AbortSignal,
): Promise<string> {
  const send = (method: string, field: string): Promise<string> =>
    callAsSend(async () => {
      const form = { field, name: file.name, mimeType: file.mimeType, bytes: file.bytes };
      const sent = await api(method, targetOf(address), { signal, timeoutMs: sendTimeoutMs, file: form });
      return isJsonObject(sent) && typeof sent['message_id'] === 'number' ? String(sent['message_id']) : '';
    });
  const isPhoto = photoTypes.has(file.mimeType) && file.bytes.byteLength <= mostPhotoBytes;
  if (!isPhoto) return send('sendDocument', 'document');
  try {
    return await send('sendPhoto', 'photo');
  } catch (error) {
    // Very long or narrow pictures are no photos to Telegram.
    if (error instanceof SendError && /PHOTO_|IMAGE_PROCESS/.test(error.message))
      return send('sendDocument', 'document');
    throw error;
  }
}
