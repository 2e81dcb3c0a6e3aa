import { AppError, type Json } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { RunRow } from './end-run.ts';

const mostKept = 500;

/** The definitions that runs started with, by content hash; the recent ones stay in memory. */
export class DefinitionSnapshots {
  readonly #storage: Storage;
  readonly #kept = new Map<string, Json>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The definition a run was accepted with, whatever the file says today. */
  async get(run: RunRow): Promise<Json> {
    const hash = run.definition_hash ?? '';
    const kept = this.#kept.get(hash);
    if (kept !== undefined) return kept;
    const row = await this.#storage.db
      .selectFrom('definition_snapshots')
      .select('definition')
      .where('hash', '=', hash)
      .executeTakeFirst();
    if (row === undefined) {
      throw new AppError(
        'internal',
        `the definition of ${run.target_kind} "${run.target_name}" that run ${run.id} started with is missing`,
      );
    }
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size >= mostKept && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(hash, row.definition);
    return row.definition;
  }
}
