import type { FileShelf } from './file-shelf.ts';

const mostDownload = 20_000_000;
const mostUpload = 50_000_000;

/** A file that a person sends. */
export interface UserFile {
  readonly chatId: number;
  readonly bytes: Uint8Array;
  /** Default `document`. */
  readonly as?: 'photo' | 'document' | 'voice';
  readonly name?: string;
  readonly mimeType?: string;
  readonly caption?: string;
  /** Anything else of Telegram's message object. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** What a message has in it that carries a file. */
export function fileMessage(shelf: FileShelf, sent: UserFile): Record<string, unknown> {
  const { bytes, as = 'document', name, mimeType, caption, extra } = sent;
  const named = as === 'photo' || name === undefined ? {} : { file_name: name };
  const typed = as === 'photo' || mimeType === undefined ? {} : { mime_type: mimeType };
  const { id } = shelf.add({ bytes });
  const file = { file_id: id, file_unique_id: `unique-${id}`, file_size: bytes.length, ...named, ...typed };
  return {
    [as]: as === 'photo' ? [{ ...file, width: 90, height: 90 }] : file,
    ...(caption === undefined ? {} : { caption }),
    ...extra,
  };
}

/** What `getFile` answers. */
export function pathOfFile(
  shelf: FileShelf,
  id: string,
): { readonly result: object } | { readonly status: number; readonly description: string } {
  const file = shelf.files.get(id);
  if (file === undefined) return { status: 400, description: 'Bad Request: invalid file_id' };
  if (file.bytes.length > mostDownload) return { status: 400, description: 'Bad Request: file is too big' };
  return { result: { file_id: id, file_size: file.bytes.length, file_path: `documents/${id}` } };
}

/** Why Telegram does not take a file. */
export function refusedUpload(bytes: Uint8Array | undefined) {
  if (bytes === undefined || bytes.length === 0)
    return { status: 400, description: 'Bad Request: file must be non-empty' };
  return bytes.length > mostUpload ? { status: 413, description: 'Request Entity Too Large' } : undefined;
}
