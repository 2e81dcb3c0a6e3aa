import { createHash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { AppError, type Clock, type IdGenerator } from '../../base/index.ts';
import type { BlobStore } from '../../platform/blobs/index.ts';
import type { Database, Storage } from '../../platform/storage/index.ts';
import { isFileId, type RunFile, type Scope } from '../../protocol/index.ts';
import { contentTypeOf } from './content-type.ts';
import { safeFileName } from './file-name.ts';

/** A file as somebody gives it. Name and type are only what they say. */
export interface GivenFile {
  readonly bytes: Uint8Array;
  readonly name?: string;
  readonly mimeType?: string;
}

/** A file of a run. `in`: it came with the request; `out`: it goes along with the answer. */
export interface KeptFile extends RunFile {
  readonly direction: 'in' | 'out';
}

export interface FileStoreDeps {
  readonly blobs: BlobStore;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: IdGenerator;
}

/**
 * Files of requests and answers: bytes in the blob store, rows that say which run they belong to. A row goes with its run,
 * and the blob with its last row. Errors: `payload_too_large` beyond `maxBlobBytes`, `storage_unavailable`, `storage_full`.
 */
export class FileStore {
  readonly #deps: FileStoreDeps;

  constructor(deps: FileStoreDeps) {
    this.#deps = deps;
  }

  /** Stores a file that belongs to no run yet; without `attach` it is gone after a day. */
  keep(tenant: string, given: GivenFile): Promise<RunFile> {
    return this.#put(tenant, this.#deps.ids('fil'), given);
  }

  /** Makes files part of a run, within the transaction that writes the run or after it. */
  async attach(
    trx: Transaction<Database>,
    place: { readonly tenant: string; readonly runId: string; readonly direction: 'in' | 'out' },
    files: readonly RunFile[],
  ): Promise<void> {
    if (files.length === 0) return;
    await trx
      .insertInto('run_files')
      .values(files.map((file) => this.#row(place, file)))
      .onConflict((conflict) => conflict.columns(['run_id', 'id']).doNothing())
      .execute();
  }

  /** Adds a file to the answer of a run that is executed. The same key and name, the same file. */
  async add(scope: Scope, runId: string, key: string, given: GivenFile): Promise<RunFile> {
    const { tenant } = scope;
    const hash = createHash('sha256')
      .update(`${tenant}\n${key}\n${given.name ?? ''}`)
      .digest('hex');
    const file = await this.#put(tenant, `fil_${hash.slice(0, 32)}`, given);
    // Of the whole tree of runs: who gave the work away answers with what came back.
    await sql`
      insert into run_files (run_id, id, tenant, direction, name, mime_type, size_bytes, created_at)
      select root_run_id, ${file.id}, tenant, 'out', ${file.name}, ${file.mimeType}, ${file.sizeBytes}::int,
        ${new Date(this.#deps.clock.now())}::timestamptz
      from runs where id = ${runId} and tenant = ${tenant}
      on conflict (run_id, id) do nothing`.execute(this.#deps.storage.db);
    return file;
  }

  /** Files of a run and of the runs around it, oldest first; none for a run of another tenant. */
  async list({ tenant }: Pick<Scope, 'tenant'>, runId: string): Promise<readonly KeptFile[]> {
    const { rows } = await sql<{
      id: string;
      name: string;
      mime_type: string;
      size_bytes: number;
      direction: 'in' | 'out';
    }>`
      select f.id, f.name, f.mime_type, f.size_bytes, f.direction from run_files f
      where f.run_id = (select root_run_id from runs where id = ${runId} and tenant = ${tenant}) and f.tenant = ${tenant}
      order by f.created_at, f.id`.execute(this.#deps.storage.db);
    return rows.map(({ id, name, mime_type: mimeType, size_bytes: sizeBytes, direction }) => ({
      id,
      name,
      mimeType,
      sizeBytes,
      direction,
    }));
  }

  /** A file of a run by id or name, the newest of that name. */
  async find(scope: Pick<Scope, 'tenant'>, runId: string, nameOrId: string): Promise<KeptFile | undefined> {
    const files = await this.list(scope, runId);
    return files.find((file) => file.id === nameOrId) ?? files.findLast((file) => file.name === nameOrId);
  }

  /** The content of a file. Error: `not_found`. */
  read(tenant: string, id: string): Promise<Uint8Array> {
    if (!isFileId(id)) return Promise.reject(new AppError('not_found', 'there is no such file'));
    return this.#deps.blobs.get(keyOf(tenant, id));
  }

  async #put(tenant: string, id: string, { bytes, name, mimeType }: GivenFile): Promise<RunFile> {
    const safeName = safeFileName(name, 'file');
    const type = contentTypeOf(bytes, {
      name: safeName,
      ...(mimeType === undefined ? {} : { said: mimeType }),
    });
    await this.#deps.blobs.put(keyOf(tenant, id), bytes);
    return { id, name: safeName, mimeType: type, sizeBytes: bytes.byteLength };
  }

  #row(place: { tenant: string; runId: string; direction: 'in' | 'out' }, file: RunFile) {
    return {
      run_id: place.runId,
      id: file.id,
      tenant: place.tenant,
      direction: place.direction,
      name: file.name,
      mime_type: file.mimeType,
      size_bytes: file.sizeBytes,
      created_at: new Date(this.#deps.clock.now()),
    };
  }
}

/** Where the bytes of a file are. */
function keyOf(tenant: string, id: string): string {
  return `files/${tenant}/${id}`;
}
