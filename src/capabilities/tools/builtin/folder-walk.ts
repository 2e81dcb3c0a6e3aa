import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { AppError } from '../../../base/index.ts';

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Segments of a path inside a jail. Error: `tool_denied` for anything that could leave it. */
export function jailedSegments(path: string): readonly string[] {
  if (path.includes('\0')) throw new AppError('tool_denied', 'path: must not contain a NUL character');
  if (path.startsWith('/') || /^[a-z]:/i.test(path))
    throw new AppError('tool_denied', 'path: expected one relative to an allowed folder');
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw new AppError('tool_denied', 'path: must not contain ".."');
  return segments;
}

function denied(segment: string, error: unknown): AppError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return new AppError('not_found', `"${segment}" does not exist`, { cause: error });
  if (code === 'ELOOP' || code === 'ENOTDIR')
    return new AppError('tool_denied', `"${segment}" is a link or no folder`, { cause: error });
  return new AppError('tool_denied', `"${segment}" cannot be opened`, { cause: error });
}

/** Name of a descriptor's entry: opening it resolves from the opened folder itself, whatever is renamed meanwhile. */
export function entryOf(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}

/** Opens a folder below `root`, segment by segment, following no link. The caller closes the handle. */
export async function openFolder(root: string, segments: readonly string[]): Promise<FileHandle> {
  if (process.platform !== 'linux') {
    throw new AppError('tool_denied', 'files are offered on Linux only, where a path can be followed safely');
  }
  let folder = await open(root, constants.O_RDONLY | constants.O_DIRECTORY).catch((error: unknown) => {
    throw denied(root.split('/').at(-1) ?? root, error);
  });
  for (const segment of segments) {
    try {
      const next = await open(entryOf(folder, segment), folderFlags);
      await folder.close();
      folder = next;
    } catch (error) {
      await folder.close();
      throw denied(segment, error);
    }
  }
  return folder;
}

/** Opens a regular file with one name in an opened folder. Error: `tool_denied` for links, devices and hard links. */
export async function openFile(folder: FileHandle, name: string): Promise<FileHandle> {
  const file = await open(
    entryOf(folder, name),
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  ).catch((error: unknown) => {
    throw denied(name, error);
  });
  const stat = await file.stat();
  if (stat.isFile() && stat.nlink <= 1) return file;
  await file.close();
  throw new AppError('tool_denied', `"${name}" is not a plain file with a single name`);
}
