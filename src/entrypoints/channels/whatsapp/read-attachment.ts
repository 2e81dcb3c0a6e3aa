import { z } from 'zod';
import type { Attachment } from '../../../protocol/index.ts';
import { lenient } from './whatsapp-update.ts';

const text = lenient(z.string());
const file = z.object({
  id: z.string().min(1).max(500),
  mime_type: text,
  filename: text,
  file_size: lenient(z.int().nonnegative()),
});
const captioned = z.object({ caption: text });

const kinds: Readonly<Record<string, Attachment['kind']>> = {
  image: 'image',
  sticker: 'image',
  audio: 'audio',
  video: 'video',
};

/** The file of a media message, by the id under which WhatsApp keeps it, and the words beside it. */
export function readAttachment(
  inner: unknown,
  type: string,
): { readonly attachment: Attachment | undefined; readonly caption: string } {
  const caption = captioned.safeParse(inner).data?.caption?.trim() ?? '';
  const parsed = file.safeParse(inner);
  if (!parsed.success) return { attachment: undefined, caption };
  const { id, mime_type: mimeType, filename, file_size: size } = parsed.data;
  const attachment: Attachment = {
    id,
    kind: kinds[type] ?? 'document',
    platformRef: id,
    ...(typeof mimeType === 'string' ? { mimeType } : {}),
    ...(typeof filename === 'string' && filename !== '' ? { name: filename } : {}),
    ...(typeof size === 'number' ? { sizeBytes: size } : {}),
  };
  return { attachment, caption };
}
