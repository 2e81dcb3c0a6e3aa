import { watch, type FSWatcher } from 'node:fs';
import path from 'node:path';

/**
 * Tells when files may have changed, by watching the folders that hold them: editors replace files, and mounted
 * configurations are links that are switched over. `failed` is told the folders that cannot be watched.
 */
export class FileWatch {
  readonly #onChange: () => void;
  readonly #failed: (folder: string, error: unknown) => void;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(onChange: () => void, failed: (folder: string, error: unknown) => void) {
    this.#onChange = onChange;
    this.#failed = failed;
  }

  /** Watches these files and no others. */
  set(files: readonly string[]): void {
    const folders = new Set(files.map((file) => path.dirname(file)));
    for (const [folder, watcher] of this.#watchers)
      if (!folders.has(folder)) {
        watcher.close();
        this.#watchers.delete(folder);
      }
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, this.#onChange);
        watcher.on('error', (error) => {
          this.#watchers.delete(folder);
          watcher.close();
          this.#failed(folder, error);
        });
        this.#watchers.set(folder, watcher);
      } catch (error) {
        this.#failed(folder, error);
      }
    }
  }
}
