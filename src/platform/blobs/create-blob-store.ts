import path from 'node:path';
import type { Clock } from '../../base/index.ts';
import type { Config } from '../config/index.ts';
import type { Storage } from '../storage/index.ts';
import type { BlobStore } from './blob-store.ts';
import { FolderBlobStore } from './folder-blob-store.ts';
import { TableBlobStore } from './table-blob-store.ts';

/** The blob store that goes with the storage: a folder beside the embedded database, a table on PostgreSQL. */
export function createBlobStore(deps: {
  readonly config: Pick<Config, 'homeDir'>;
  readonly storage: Storage;
  readonly clock: Clock;
}): BlobStore {
  if (deps.storage.kind === 'postgres') return new TableBlobStore(deps);
  return new FolderBlobStore(path.join(deps.config.homeDir, 'blobs'));
}
