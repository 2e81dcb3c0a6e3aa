/** Who waits for something to become true in a fake: asked at each change. */
export class WatchList {
  readonly #watchers = new Set<() => void>();
  readonly #seen: () => string;

  /** `seen` tells what has happened so far, for the error of a wait in vain. */
  constructor(seen: () => string) {
    this.#seen = seen;
  }

  /** Something has changed. */
  look(): void {
    for (const look of this.#watchers) look();
  }

  /** Calls at each change, until the returned function is called. */
  follow(look: () => void): () => void {
    this.#watchers.add(look);
    return () => void this.#watchers.delete(look);
  }

  /** Resolves as soon as the condition holds; fails after `timeoutMs`. */
  until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        unfollow();
      };
      const unfollow = this.follow(() => {
        if (!condition()) return;
        finish();
        resolve();
      });
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`waited ${timeoutMs} ms for ${what}; so far: ${this.#seen()}`));
      }, timeoutMs);
    });
  }
}
