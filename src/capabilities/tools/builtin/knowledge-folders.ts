import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../base/index.ts';
import { PassageIndex } from './passage-index.ts';
import { splitMarkdown, type Passage } from './split-markdown.ts';

const readable = /\.(?:md|mdx|markdown|txt)$/i;
const mostFiles = 5000;
const mostBytes = 2 * 1024 * 1024;

interface IndexedFile {
  readonly stamp: string;
  readonly passages: readonly Passage[];
}

interface IndexedFolder {
  readonly files: Map<string, IndexedFile>;
  index: PassageIndex;
}

/** Indexes of knowledge folders, made when first asked for and brought up to date when files change. */
export class KnowledgeFolders {
  readonly #folders = new Map<string, IndexedFolder>();

  /** The index of a folder as its files are now. Error: `not_found` when the folder does not exist. */
  async index(folder: string): Promise<PassageIndex> {
    const found = await this.#list(folder);
    const known = this.#folders.get(folder) ?? {
      files: new Map<string, IndexedFile>(),
      index: new PassageIndex([]),
    };
    let changed = known.files.size !== found.size;
    for (const [name, stamp] of found) {
      if (known.files.get(name)?.stamp === stamp) continue;
      changed = true;
      known.files.set(name, {
        stamp,
        passages: splitMarkdown(name, await readFile(path.join(folder, name), 'utf8')),
      });
    }
    for (const name of known.files.keys()) if (!found.has(name)) known.files.delete(name);
    if (changed) {
      const ordered = [...known.files].toSorted(([one], [two]) => (one < two ? -1 : 1));
      known.index = new PassageIndex(ordered.flatMap(([, file]) => file.passages));
    }
    this.#folders.set(folder, known);
    return known.index;
  }

  async #list(folder: string): Promise<Map<string, string>> {
    let entries;
    try {
      entries = await readdir(folder, { recursive: true, withFileTypes: true });
    } catch (error) {
      throw new AppError('not_found', `the knowledge folder "${path.basename(folder)}" cannot be read`, {
        cause: error,
      });
    }
    const files = new Map<string, string>();
    // `isFile` is false for links: none is followed out of the folder.
    for (const entry of entries
      .filter((one) => one.isFile() && readable.test(one.name))
      .slice(0, mostFiles)) {
      const full = path.join(entry.parentPath, entry.name);
      const { mtimeMs, size } = await stat(full);
      if (size <= mostBytes)
        files.set(path.relative(folder, full).replaceAll('\\', '/'), `${mtimeMs}:${size}`);
    }
    return files;
  }
}
