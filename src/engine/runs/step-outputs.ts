import { createHash } from 'node:crypto';
import { AppError, type Clock, type Json } from '../../base/index.ts';
import { maxBlobBytes, type BlobStore } from '../../platform/blobs/index.ts';
import { persist } from './persist.ts';
import { noOutput, type StepOutput } from './step-record.ts';

/** Larger outputs (bytes of JSON text) go to the blob store; their row keeps the key. */
const longestInlineBytes = 64 * 1024;
/** Most that one value of a run may come to: an output, an input. */
const maxValueBytes = maxBlobBytes;

const asBytes = (bytes: number): string => `${bytes.toLocaleString('en')} bytes`;

/** JSON text and its size. Error: `payload_too_large` naming what it is. */
export function measuredJson(what: string, value: Json): { readonly json: string; readonly bytes: number } {
  const tooLarge = (size: string): AppError =>
    new AppError(
      'payload_too_large',
      `${what} has ${size}; at most ${asBytes(maxValueBytes)} (16 MiB) of JSON are kept. Pass on less, or where to find it`,
      { details: { limit: maxValueBytes } },
    );
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    // Longer than the longest text there can be.
    if (error instanceof RangeError) throw tooLarge('far too many bytes');
    throw error;
  }
  const bytes = Buffer.byteLength(json ?? 'null');
  if (bytes > maxValueBytes) throw tooLarge(asBytes(bytes));
  return { json: json ?? 'null', bytes };
}

/** Where the outputs of one execution go, and how much they come to. */
export class StepOutputs {
  readonly #deps: { readonly blobs: BlobStore; readonly clock: Clock };
  readonly #owner: { readonly runId: string; readonly epoch: number };
  maxStateBytes = Number.POSITIVE_INFINITY;
  #stateBytes = 0;

  constructor(deps: { blobs: BlobStore; clock: Clock }, owner: { runId: string; epoch: number }) {
    this.#deps = deps;
    this.#owner = owner;
  }

  /** Counts what earlier executions have stored. */
  countStored(bytes: number): void {
    this.#stateBytes += bytes;
  }

  /**
   * Makes an output ready for its row, storing it first when it is large. Errors: `payload_too_large` and
   * `limit_exceeded`, which name the step.
   */
  async place(key: string, output: Json): Promise<StepOutput> {
    if (output === null || output === undefined) return noOutput;
    const { json, bytes } = measuredJson(`the output of step "${key}"`, output);
    const { runId, epoch } = this.#owner;
    const { maxStateBytes } = this;
    const total = this.#stateBytes + bytes;
    if (total > maxStateBytes) {
      throw new AppError(
        'limit_exceeded',
        `step "${key}" brings the step outputs of the run to ${asBytes(total)}; limits.maxStateBytes is ${asBytes(maxStateBytes)}`,
        { details: { step: key, limit: maxStateBytes, bytes: total } },
      );
    }
    this.#stateBytes = total;
    if (bytes <= longestInlineBytes) return { json, blob: null, bytes };
    // Of this epoch only: a stale execution cannot replace what the row of a later one refers to.
    const name = createHash('sha256').update(key).digest('hex');
    const blob = `runs/${runId}/${name}-${epoch}`;
    await persist(() => this.#deps.blobs.put(blob, Buffer.from(json)), this.#deps.clock);
    return { json: null, blob, bytes };
  }

  /** The output that a row refers to. */
  async load(key: string, blob: string): Promise<Json> {
    return loadOutput(this.#deps.blobs, key, blob);
  }
}

/** Reads a large output. A blob that is gone is `internal`: its row says that it is there. */
export async function loadOutput(blobs: BlobStore, key: string, blob: string): Promise<Json> {
  try {
    return JSON.parse(Buffer.from(await blobs.get(blob)).toString('utf8')) as Json;
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') {
      throw new AppError('internal', `the output of step "${key}" is missing in the blob store`, {
        cause: error,
        details: { step: key },
      });
    }
    throw error;
  }
}
