import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { Attachment } from '../../../protocol/index.ts';
import type { OpenedAttachment } from '../channel-adapter.ts';
import { openedFile, requestFile } from '../open-file-url.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './call-as-send.ts';
import type { WhatsAppApi } from './whatsapp-api.ts';

const callTimeoutMs = 10_000;
const server = "WhatsApp's file server";

/** Where Meta keeps files, beside the Graph API itself: the token goes nowhere else. */
export const mediaHosts: readonly string[] = ['lookaside.fbsbx.com', '*.fbsbx.com', '*.whatsapp.net'];

/** Opens a file of a message: WhatsApp names its address, which is good for five minutes. */
export async function openWhatsAppAttachment(
  parts: { readonly api: WhatsAppApi; readonly egress: () => EgressClient; readonly token: string },
  attachment: Attachment,
  signal: AbortSignal,
): Promise<OpenedAttachment> {
  const { url, mime_type: mimeType } = await callAsSend(() =>
    parts.api({
      method: 'GET',
      path: encodeURIComponent(attachment.platformRef ?? attachment.id),
      action: 'the question for a file',
      signal,
      timeoutMs: callTimeoutMs,
    }),
  );
  if (typeof url !== 'string') throw new SendError('permanent', 'WhatsApp named no address of the file');
  const headers = { authorization: `Bearer ${parts.token}` };
  const opened = openedFile(await requestFile(parts.egress(), { url, headers, server }, signal), server);
  return typeof mimeType === 'string' ? { ...opened, mimeType } : opened;
}
