import { AppError, type Clock } from '../../base/index.ts';

const leastFreeBytes = 64 * 1024 * 1024;
const checkEveryMs = 1_000;
const writing =
  /\b(insert|update|delete|merge|create|alter|drop|truncate|copy|vacuum|reindex|refresh|grant|revoke|comment)\b/i;

interface FreeSpaceGuardDeps {
  readonly clock: Clock;
  /** Free bytes on the disk of the data folder. */
  readonly freeBytes: () => Promise<number>;
}

/** Refuses writes shortly before the disk is full, because the embedded database does not survive the moment itself. */
export class FreeSpaceGuard {
  readonly #deps: FreeSpaceGuardDeps;
  #free = Number.POSITIVE_INFINITY;
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: FreeSpaceGuardDeps) {
    this.#deps = deps;
  }

  /** True at the last look. */
  get isFull(): boolean {
    return this.#free < leastFreeBytes;
  }

  /** Throws `storage_full` for a statement that may write; looks at the disk at most once a second. */
  async check(text: string): Promise<void> {
    if (!writing.test(text)) return;
    const now = this.#deps.clock.now();
    if (now - this.#checkedAt >= checkEveryMs || this.isFull) {
      this.#checkedAt = now;
      this.#free = await this.#deps.freeBytes();
    }
    if (this.isFull) {
      throw new AppError(
        'storage_full',
        `The disk of the database has ${Math.max(0, Math.floor(this.#free / 1024 / 1024))} MiB left and needs 64; free some space.`,
      );
    }
  }
}
