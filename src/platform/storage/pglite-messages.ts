import type { DatabaseErrorFields } from './database-errors.ts';

/** What the worker is given at its birth. */
export interface PgliteWorkerData {
  /** Folder of the database files; undefined keeps everything in memory. */
  readonly dataDir: string | undefined;
  /** Packed data folder to begin with, when there is no database yet. */
  readonly template: string | undefined;
}

/** To the worker. Without parameters the text may hold several statements. `dump` packs the data folder. */
export type PgliteRequest =
  | {
      readonly id: number;
      readonly kind: 'run';
      readonly text: string;
      readonly parameters: PgliteParameters;
      readonly inTransaction: boolean;
    }
  | { readonly id: number; readonly kind: 'ping' | 'close' | 'dump' };

export type PgliteParameters = readonly (string | Uint8Array | null)[];

/** The raw result of one statement: PostgreSQL's text of each value, read on the other side. */
export interface PgliteRows {
  readonly command: string;
  readonly rowCount: number;
  readonly names: readonly string[];
  readonly types: readonly number[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** From the worker. */
export type PgliteReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'broken'; readonly error: DatabaseErrorFields }
  | { readonly kind: 'done'; readonly id: number; readonly results: readonly PgliteRows[] }
  | { readonly kind: 'dumped'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'failed'; readonly id: number; readonly error: DatabaseErrorFields }
  | { readonly kind: 'notification'; readonly channel: string; readonly payload: string };
