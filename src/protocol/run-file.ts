import { isJsonObject } from '../base/index.ts';
import type { UserPart } from './chat.ts';

/** A stored file that came with a request or goes along with an answer. */
export type RunFile = {
  /** `fil_…`; hard to guess, and worth something only within its tenant. */
  readonly id: string;
  /** One line that names no folder. */
  readonly name: string;
  /** By content, not by what its sender says. */
  readonly mimeType: string;
  readonly sizeBytes: number;
};

const scheme = 'stored:';
const idPattern = /^fil_[a-z0-9]{16,40}$/;

/** True for what can be the id of a stored file. */
export function isFileId(text: string): boolean {
  return idPattern.test(text);
}

/** The part of a message that stands for a stored file. */
export function storedPartOf({ id, name, mimeType }: RunFile): UserPart {
  const url = `${scheme}${id}`;
  return mimeType.startsWith('image/') ? { type: 'image', url } : { type: 'file', url, mimeType, name };
}

/** Id of the stored file that a part stands for; `undefined` for every other part. */
export function storedIdOf(part: UserPart): string | undefined {
  if (part.type === 'text' || !part.url.startsWith(scheme)) return undefined;
  const id = part.url.slice(scheme.length);
  return isFileId(id) ? id : undefined;
}

/** The stored files in a list of them; what is none is left out. */
export function runFilesOf(value: unknown): readonly RunFile[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly unknown[]).flatMap((item) => {
    if (!isJsonObject(item)) return [];
    const { id, name, mimeType, sizeBytes } = item;
    if (typeof id !== 'string' || !isFileId(id) || typeof name !== 'string') return [];
    if (typeof mimeType !== 'string' || typeof sizeBytes !== 'number') return [];
    return [{ id, name, mimeType, sizeBytes }];
  });
}
