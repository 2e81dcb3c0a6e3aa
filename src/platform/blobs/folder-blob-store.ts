import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../base/index.ts';
import { assertBlobKey, assertBlobSize, blobNotFound, type BlobEntry, type BlobStore } from './blob-store.ts';

// No key has it: names of keys do not begin with a dot.
const unfinishedFolder = '.unfinished';

/** Blobs as files of one folder that no other process has open. A file appears whole and synced, or not at all. */
export class FolderBlobStore implements BlobStore {
  readonly #folder: string;

  /** `folder`: absolute; made when the first blob comes. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const file = this.#fileOf(key);
    assertBlobSize(key, bytes);
    const unfinished = path.join(this.#folder, unfinishedFolder, randomUUID());
    await onDisk(async () => {
      await mkdir(path.dirname(unfinished), { recursive: true });
      try {
        await writeSynced(unfinished, bytes);
        await moveInto(unfinished, file);
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    });
  }

  async get(key: string): Promise<Uint8Array> {
    const file = this.#fileOf(key);
    try {
      return await onDisk(() => readFile(file));
    } catch (error) {
      if (isAbsent(error)) throw blobNotFound(key);
      throw error;
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    const files = keys.map((key) => this.#fileOf(key));
    for (const file of files) {
      await onDisk(() => rm(file, { force: true }));
      await this.#removeEmpty(path.dirname(file));
    }
  }

  async deletePrefix(prefix: string): Promise<void> {
    const folder = this.#fileOf(prefix);
    // A key of exactly these names is a file beside no folder: it does not begin with them and a slash.
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) return;
    await onDisk(() => rm(folder, { recursive: true, force: true }));
    await this.#removeEmpty(path.dirname(folder));
  }

  async *list(): AsyncGenerator<BlobEntry> {
    yield* this.#listIn('');
  }

  async *#listIn(prefix: string): AsyncGenerator<BlobEntry> {
    const folder = path.join(this.#folder, prefix);
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (entry.name === unfinishedFolder) continue;
      const key = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory()) yield* this.#listIn(key);
      else {
        const found = await stat(path.join(folder, entry.name)).catch(() => undefined);
        if (found !== undefined) yield { key, storedAt: found.mtimeMs };
      }
    }
  }

  #fileOf(key: string): string {
    assertBlobKey(key);
    return path.join(this.#folder, ...key.split('/'));
  }

  /** Removes folders that have become empty, up to the folder of the store. */
  async #removeEmpty(from: string): Promise<void> {
    for (let folder = from; folder.startsWith(`${this.#folder}${path.sep}`); folder = path.dirname(folder)) {
      try {
        await rmdir(folder);
      } catch {
        return;
      }
    }
  }
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function moveInto(from: string, to: string): Promise<void> {
  const folder = path.dirname(to);
  await mkdir(folder, { recursive: true });
  try {
    await rename(from, to);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    // The folder was empty for a moment, and removed with the blob that was its last.
    await mkdir(folder, { recursive: true });
    await rename(from, to);
  }
  await syncFolder(folder);
}

/** Makes a rename durable; where a system cannot open folders, it does so by itself. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  try {
    await handle?.sync();
  } catch {
    return;
  } finally {
    await handle?.close();
  }
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new AppError('storage_full', 'The disk of the blob store is full; free some space.', {
        cause: error,
      });
    throw error;
  }
}
