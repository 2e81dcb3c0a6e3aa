import { z } from 'zod';
import type { Attachment } from '../../../protocol/index.ts';
import { lenient, snowflake } from './snowflake.ts';

const mostAttachments = 25;
const kinds = ['image', 'audio', 'video'] as const;

const attachment = z.object({
  id: snowflake,
  filename: lenient(z.string()),
  content_type: lenient(z.string()),
  size: lenient(z.number().nonnegative()),
  url: lenient(z.url()),
});

/** A file of a message, or `undefined` for what is none. */
export function readAttachment(value: unknown): Attachment | undefined {
  const parsed = attachment.safeParse(value);
  if (!parsed.success) return undefined;
  const { id, filename, content_type: mimeType, size, url } = parsed.data;
  return {
    id,
    kind: kinds.find((kind) => mimeType?.startsWith(`${kind}/`) === true) ?? 'document',
    platformRef: id,
    ...(typeof mimeType === 'string' ? { mimeType } : {}),
    ...(typeof filename === 'string' ? { name: filename } : {}),
    ...(typeof size === 'number' ? { sizeBytes: size } : {}),
    ...(typeof url === 'string' ? { url } : {}),
  };
}

/** The files in a list of them; what is none is left out. */
export function readAttachments(list: unknown): readonly Attachment[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, mostAttachments).flatMap((one: unknown) => readAttachment(one) ?? []);
}
