import { isJsonObject } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { Attachment } from '../../../protocol/index.ts';
import type { OpenedAttachment } from '../channel-adapter.ts';
import { openedFile, requestFile } from '../open-file-url.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './call-as-send.ts';
import type { TelegramApi } from './telegram-api.ts';

const callTimeoutMs = 10_000;
const server = "Telegram's file server";

/** Opens a file of a message: Telegram names its path, which is good for an hour. */
export async function openTelegramAttachment(
  parts: {
    readonly api: TelegramApi;
    readonly egress: () => EgressClient;
    readonly apiBase: string;
    readonly token: string;
  },
  attachment: Attachment,
  signal: AbortSignal,
): Promise<OpenedAttachment> {
  const { api, egress, apiBase, token } = parts;
  const found = await callAsSend(() =>
    api(
      'getFile',
      { file_id: attachment.platformRef ?? attachment.id },
      { signal, timeoutMs: callTimeoutMs },
    ),
  );
  const path = isJsonObject(found) ? found['file_path'] : undefined;
  // A server of one's own may name a folder of its machine, which is no address.
  if (typeof path !== 'string' || path.startsWith('/') || path.split('/').includes('..'))
    throw new SendError('permanent', 'Telegram named no address of the file');
  const address = path.split('/').map(encodeURIComponent).join('/');
  const url = `${apiBase.replace(/\/+$/, '')}/file/bot${token}/${address}`;
  const { mimeType: _served, ...opened } = openedFile(
    await requestFile(egress(), { url, server }, signal),
    server,
  );
  return { ...opened, name: path.split('/').at(-1) ?? path };
}
