import { sql } from 'kysely';
import type { RunEngineDeps } from './engine-deps.ts';

const pageSize = 500;
/** Long enough for any write of a row that refers to a blob stored before it. */
const orphanAgeMs = 24 * 3_600_000;
const orphanIntervalMs = 3_600_000;

/** Deletes blobs that nothing refers to: large outputs and files of deleted runs, and those whose row was never written. */
export class BlobRetention {
  readonly #deps: RunEngineDeps;
  #nextSweepAt: number;

  constructor(deps: RunEngineDeps) {
    this.#deps = deps;
    this.#nextSweepAt = deps.clock.now() + orphanIntervalMs;
  }

  /** Deletes runs that ended before a time with all that belongs to them, a batch at a time; returns how many. */
  async deleteRuns(endedBefore: Date, batchSize: number): Promise<number> {
    const { storage } = this.#deps;
    const roots = await sql<{ id: string }>`
      select id from runs where ended_at < ${endedBefore}::timestamptz and parent_run_id is null
        and not exists (select 1 from outbox o where o.run_id = runs.id and o.status in ('queued', 'sending'))
      order by ended_at limit ${batchSize}`.execute(storage.db);
    const ids = roots.rows.map(({ id }) => id);
    if (ids.length === 0) return 0;
    const blobs = await sql<{ key: string }>`
      select distinct s.output_blob as key from run_steps s join runs r on r.id = s.run_id
      where r.root_run_id = any(${ids}) and s.output_blob is not null
      union select distinct 'files/' || f.tenant || '/' || f.id from run_files f where f.run_id = any(${ids})`.execute(
      storage.db,
    );
    const deleted = await sql`
      with gone as (delete from inbox where run_id = any(${ids})),
        answered as (delete from outbox where run_id = any(${ids}))
      delete from runs where root_run_id = any(${ids})`.execute(storage.db);
    await this.#deleteUnreferenced(blobs.rows.map(({ key }) => key));
    return Number(deleted.numAffectedRows ?? 0n);
  }

  /** Once in a while: deletes old blobs of runs that nothing refers to. */
  async sweepOrphans(): Promise<void> {
    const { clock, blobs } = this.#deps;
    if (clock.now() < this.#nextSweepAt) return;
    this.#nextSweepAt = clock.now() + orphanIntervalMs;
    let page: string[] = [];
    for await (const { key, storedAt } of blobs.list()) {
      if (!/^(?:runs|files)\//.test(key) || storedAt > clock.now() - orphanAgeMs) continue;
      page.push(key);
      if (page.length < pageSize) continue;
      await this.#deleteUnreferenced(page);
      page = [];
    }
    await this.#deleteUnreferenced(page);
  }

  /**
   * A fork refers to the blobs of the run that it came from, so a run's end is not its blobs' end; a file may belong to a
   * message that still waits for its turn.
   */
  async #deleteUnreferenced(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const { rows } = await sql<{ key: string }>`
      select output_blob as key from run_steps where output_blob = any(${[...keys]})
      union select 'files/' || tenant || '/' || id from run_files where id = any(${keys.map(nameOf)})
      union select 'files/' || c.tenant || '/' || (a -> 'file' ->> 'id')
        from chat_messages c, jsonb_array_elements(c.message -> 'attachments') a
        where a -> 'file' ->> 'id' = any(${keys.map(nameOf)})`.execute(this.#deps.storage.db);
    const referenced = new Set(rows.map(({ key }) => key));
    await this.#deps.blobs.delete(keys.filter((key) => !referenced.has(key)));
  }
}

/** The last name of a key: of a file's blob the id of the file. */
function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
