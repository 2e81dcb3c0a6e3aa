import { AppError } from '../../base/index.ts';

/** Most bytes of one blob. */
export const maxBlobBytes = 16 * 1024 * 1024;

/** A stored blob as it is listed. */
export interface BlobEntry {
  readonly key: string;
  /** Milliseconds since 1970 UTC. */
  readonly storedAt: number;
}

/**
 * Bytes that are too large for the row that refers to them. A blob is durable when `put` resolves and never changes: one
 * writes it first and the row that names it afterwards. Keys are paths of names (`runs/run_1/0a1b`, at most 500
 * characters of `A-Z a-z 0-9 _ . - /`, no name begins with a dot); another key is `invalid_request`.
 *
 * Errors: `storage_unavailable` and `storage_full` as in `Storage`.
 */
export interface BlobStore {
  /** Stores or replaces. Error: `payload_too_large` beyond `maxBlobBytes`. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Error: `not_found`. */
  get(key: string): Promise<Uint8Array>;
  /** Deletes what is there of these; the others are passed over. */
  delete(keys: readonly string[]): Promise<void>;
  /** Deletes every blob whose key begins with these names: `runs/run_1` takes `runs/run_1/0a1b`, not `runs/run_12/3c`. */
  deletePrefix(prefix: string): Promise<void>;
  /** All blobs, in no particular order; what is stored or deleted meanwhile may be missing. */
  list(): AsyncIterable<BlobEntry>;
}

const longestKey = 500;
const name = '[A-Za-z0-9_-][A-Za-z0-9_.-]*';
const keyPattern = new RegExp(`^${name}(?:/${name})*$`);

/** Refuses what is no key: a key may come to name a file. */
export function assertBlobKey(key: string): void {
  if (key.length > longestKey || !keyPattern.test(key))
    throw new AppError('invalid_request', `"${key.slice(0, 100)}" is no key of a blob`);
}

/** Refuses what is too large. */
export function assertBlobSize(key: string, bytes: Uint8Array): void {
  if (bytes.byteLength <= maxBlobBytes) return;
  throw new AppError(
    'payload_too_large',
    `blob "${key}" has ${bytes.byteLength} bytes; at most ${maxBlobBytes} are stored`,
  );
}

/** The fault of asking for what is not there. */
export function blobNotFound(key: string): AppError {
  return new AppError('not_found', `there is no blob "${key}"`);
}
