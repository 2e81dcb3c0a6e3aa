import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../base/index.ts';

/** A file below the project. Times in ms. */
export interface ProjectFile {
  readonly path: string;
  readonly modifiedAt: number;
  readonly size: number;
}

const leftOut = new Set(['node_modules', '.git', '.agent33']);
const deepest = 32;

/** Refuses what leaves the project. Error: `invalid_request`. */
export function assertInside(pattern: string): void {
  const normal = path.posix.normalize(pattern);
  if (path.posix.isAbsolute(normal) || normal.split('/').includes('..') || pattern.includes('\\'))
    throw new AppError('invalid_request', `"${pattern}" leads out of the project`);
}

/** The folder that a pattern begins in, and the pattern with a folder meaning all that is in it. */
function baseOf(pattern: string): { base: string; glob: string } {
  const parts = path.posix.normalize(pattern).replace(/\/$/, '').split('/');
  const first = parts.findIndex((part) => /[*?[{]/.test(part));
  if (first === -1) return { base: parts.join('/'), glob: parts.join('/') };
  return { base: parts.slice(0, first).join('/') || '.', glob: parts.join('/') };
}

/**
 * The files of a project that patterns name. A plain folder stands for all that is in it. Links are not followed, and a
 * pattern whose beginning is a link out of the project finds nothing. Error: `limit_exceeded` beyond `most` files.
 */
export async function projectFiles(
  projectDir: string,
  patterns: readonly string[],
  options: { readonly most: number; readonly signal: AbortSignal },
): Promise<readonly ProjectFile[]> {
  const root = await realpath(projectDir);
  const found = new Map<string, ProjectFile>();

  async function note(relative: string): Promise<void> {
    try {
      const { mtimeMs, size } = await stat(path.join(root, relative));
      found.set(relative, { path: relative, modifiedAt: Math.floor(mtimeMs), size });
    } catch {
      // Deleted since it was listed.
    }
    if (found.size > options.most)
      throw new AppError('limit_exceeded', `more than ${options.most} files; name fewer, or raise max_files`);
  }

  async function walk(folder: string, fits: (relative: string) => boolean, depth: number): Promise<void> {
    options.signal.throwIfAborted();
    let entries: Dirent[];
    try {
      entries = await readdir(path.join(root, folder), { withFileTypes: true });
    } catch {
      return;
    }
    for (const entry of entries) {
      const relative = path.posix.join(folder, entry.name);
      if (entry.isFile()) {
        if (fits(relative)) await note(relative);
      } else if (entry.isDirectory() && depth < deepest && !leftOut.has(entry.name)) {
        await walk(relative, fits, depth + 1);
      }
    }
  }

  for (const pattern of patterns) {
    assertInside(pattern);
    const { base, glob } = baseOf(pattern);
    const place = path.join(root, base);
    let real: string;
    try {
      real = await realpath(place);
    } catch {
      continue;
    }
    // The same after links were resolved: no part of the way is one.
    if (real !== path.resolve(place)) continue;
    if (base !== glob) await walk(base, (relative) => path.posix.matchesGlob(relative, glob), 0);
    else if ((await stat(place)).isDirectory()) await walk(base, () => true, 0);
    else await note(base);
  }
  return [...found.values()];
}

/** SHA-256 of a file, shortened; `undefined` when it cannot be read. */
export async function digestOf(projectDir: string, relative: string): Promise<string | undefined> {
  try {
    const file = await open(path.join(projectDir, relative), 'r');
    try {
      return createHash('sha256')
        .update(await file.readFile())
        .digest('base64url')
        .slice(0, 16);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
