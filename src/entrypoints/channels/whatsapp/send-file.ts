import type { ReplyAddress } from '../../../protocol/index.ts';
import type { OutgoingFile } from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { unseen } from '../unseen.ts';
import { callAsSend } from './call-as-send.ts';
import { postMessage, type SendDeps } from './send-message.ts';

const uploadTimeoutMs = 120_000;
const mostImageBytes = 5_000_000;
const imageTypes: ReadonlySet<string> = new Set(['image/jpeg', 'image/png']);

/** Uploads a file, then sends it: as a picture where WhatsApp shows it as one, else as a document. Returns the message's id. */
export async function sendWhatsAppFile(
  deps: SendDeps,
  address: ReplyAddress,
  file: OutgoingFile,
  { signal, key }: { readonly signal: AbortSignal; readonly key?: string },
): Promise<string> {
  const { api, phoneNumberId } = deps;
  // Of texts it takes only plain ones.
  const mimeType = file.mimeType.startsWith('text/') ? 'text/plain' : file.mimeType;
  const { id } = await unseen(() =>
    callAsSend(() =>
      api({
        method: 'POST',
        path: `${phoneNumberId}/media`,
        action: 'a file',
        form: {
          fields: { messaging_product: 'whatsapp', type: mimeType },
          file: { ...file, field: 'file', mimeType },
        },
        signal,
        timeoutMs: uploadTimeoutMs,
      }),
    ),
  );
  if (typeof id !== 'string') throw new SendError('retry', 'WhatsApp named no id of the file');
  const isImage = imageTypes.has(mimeType) && file.bytes.byteLength <= mostImageBytes;
  const content = isImage
    ? { type: 'image', image: { id } }
    : { type: 'document', document: { id, filename: file.name } };
  return postMessage(deps, address, content, signal, key);
}
