import {
  toAppError,
  AppError,
  storable,
  type Clock,
  type Json,
  type SerializedError,
} from '../../base/index.ts';
import type { BlobStore } from '../../platform/blobs/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { addUsage, noUsage, type RunEvent, type StepKind, type Usage } from '../../protocol/index.ts';
import { RunInterruption } from './interruptions.ts';
import { isStorageAway } from './persist.ts';
import type { RunStep, StepIo, StepOptions } from './run-context.ts';
import {
  askedTwice,
  differentStep,
  doubtfulStep,
  isSameStep,
  stepDigest,
  storedFailure,
} from './step-digest.ts';
import { StepOutputs } from './step-outputs.ts';
import { noOutput, type StepOutput, type StepRecord } from './step-record.ts';
import { StepWriter } from './step-writer.ts';

interface StoredStep {
  readonly kind: StepKind;
  readonly status: 'started' | 'completed' | 'failed';
  readonly digest: string;
  readonly attempts: number;
  readonly error: SerializedError | null;
  readonly usage: Usage;
  /** Dropped once it was asked for. */
  output: Json;
  readonly blob: string | null;
}

export interface JournalDeps {
  readonly storage: Storage;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  /** Called at named moments; tests end the process there. */
  readonly failpoint: (name: string) => void;
}

/** Which execution of which run writes. */
export interface JournalOwner {
  readonly runId: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => void;
  /** Called with +1 and −1 around each step that really runs. */
  readonly onActivity: (change: 1 | -1) => void;
}

/**
 * The memory of one run: finished steps answer from it, new ones are written to it by statements that also
 * check the run's epoch. A stale worker's write changes nothing and ends its execution.
 */
export class RunJournal {
  readonly #deps: JournalDeps;
  readonly #owner: JournalOwner;
  readonly #outputs: StepOutputs;
  readonly #writer: StepWriter;
  readonly #stored = new Map<string, StoredStep>();
  readonly #asked = new Set<string>();
  /** Microseconds since 1970 UTC. */
  #lastStartedAt = 0;
  /** Records on their way that the run did not wait for. */
  readonly #behind = new Set<Promise<void>>();
  #behindFault: { readonly error: unknown } | undefined;
  #usage: Usage = noUsage;
  #closed: RunInterruption | undefined;

  constructor(deps: JournalDeps, owner: JournalOwner) {
    this.#deps = deps;
    this.#owner = owner;
    this.#outputs = new StepOutputs(deps, owner);
    this.#writer = new StepWriter(deps, owner);
  }

  /** Tokens and cost of all steps of the run so far, replayed ones included. */
  get usage(): Usage {
    return this.#usage;
  }

  /** True for a step that the journal held before this execution asked for it. */
  has(key: string): boolean {
    const step = this.#stored.get(key);
    return step !== undefined && step.status !== 'started';
  }

  /** Most that the outputs of all steps may come to, in bytes of JSON text; without a limit until it is set. */
  limitState(maxBytes: number): void {
    this.#outputs.maxStateBytes = maxBytes;
  }

  addUsage(usage: Usage): void {
    this.#usage = addUsage(this.#usage, usage);
  }

  /** Reads the steps of earlier executions, without large outputs. Not needed for a run's first one. */
  async load(): Promise<void> {
    const rows = await this.#deps.storage.db
      .selectFrom('run_steps')
      .select([
        'key',
        'kind',
        'status',
        'digest',
        'attempts',
        'output',
        'output_blob',
        'output_bytes',
        'error',
        'input_tokens',
        'output_tokens',
        'cost_usd',
      ])
      .where('run_id', '=', this.#owner.runId)
      .execute();
    for (const row of rows) {
      this.#outputs.countStored(row.output_bytes ?? 0);
      this.#stored.set(row.key, {
        kind: row.kind,
        status: row.status,
        digest: row.digest,
        attempts: row.attempts,
        output: row.output ?? null,
        blob: row.output_blob,
        error: row.error,
        usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens, costUsd: row.cost_usd },
      });
    }
  }

  /** From now on every step is refused with this interruption: a branch that was left behind must not go on. */
  close(interruption: RunInterruption): void {
    this.#closed ??= interruption;
  }

  /**
   * Resolves when every record is durable that the run has not waited for so far; what other branches add meanwhile is
   * nothing that the caller can follow from. Rejects with what kept one of them from being written.
   */
  async settled(): Promise<void> {
    await Promise.all(this.#behind);
    this.#assertRecorded();
  }

  readonly step: RunStep = async <T extends Json>(
    key: string,
    kind: StepKind,
    run: (io: StepIo) => Promise<T>,
    options: StepOptions,
  ): Promise<T> => {
    this.#assertGoesOn();
    this.#assertRecorded();
    if (this.#asked.has(key)) throw askedTwice(key);
    this.#asked.add(key);
    const digest = stepDigest(kind, options.input);
    const stored = this.#stored.get(key);
    if (stored !== undefined) {
      if (!isSameStep(stored, kind, digest)) throw differentStep(key, stored, kind);
      if (stored.status === 'completed') {
        this.addUsage(stored.usage);
        return (await this.#outputOf(key, stored)) as T;
      }
      if (stored.status === 'failed') {
        this.addUsage(stored.usage);
        throw storedFailure(stored.error);
      }
    }
    return this.#execute(key, kind, digest, (stored?.attempts ?? 0) + 1, run, options, stored !== undefined);
  };

  /** The result of a step that is done. It is asked for once, so memory keeps it no longer. */
  async #outputOf(key: string, stored: StoredStep): Promise<Json> {
    const { output, blob } = stored;
    stored.output = null;
    if (blob === null) return output;
    this.#owner.onActivity(1);
    try {
      return await this.#outputs.load(key, blob);
    } finally {
      this.#owner.onActivity(-1);
    }
  }

  async #execute<T extends Json>(
    key: string,
    kind: StepKind,
    digest: string,
    attempt: number,
    run: (io: StepIo) => Promise<T>,
    options: StepOptions,
    inDoubt: boolean,
  ): Promise<T> {
    const { clock, failpoint } = this.#deps;
    const { emit, signal, runId } = this.#owner;
    const begunAt = clock.now();
    // In the order of their beginning, also those of one millisecond.
    const startedAt = Math.max(begunAt * 1000, this.#lastStartedAt + 1);
    this.#lastStartedAt = startedAt;
    let usage: Usage = noUsage;
    const record = (
      status: 'started' | 'completed' | 'failed',
      output: StepOutput,
      error: SerializedError | null,
    ): StepRecord => ({
      key,
      kind,
      status,
      digest,
      attempts: attempt,
      output,
      error,
      usage,
      startedAt,
      endedAt: status === 'started' ? null : Math.max(clock.now() * 1000, startedAt),
    });
    const named = options.name === undefined ? {} : { name: options.name };
    this.#owner.onActivity(1);
    try {
      if (options.writeBehind !== true && this.#behind.size > 0) {
        await this.settled();
        // Meanwhile the run may have been stopped, or be another worker's: nothing may begin then.
        this.#assertGoesOn();
      }
      if (options.onDoubt === 'fail') {
        if (inDoubt) {
          const doubt = doubtfulStep(key, options.name);
          await this.#write(record('failed', noOutput, doubt.toJSON()));
          throw doubt;
        }
        await this.#write(record('started', noOutput, null));
        failpoint('step-started');
      }
      emit({ type: 'step-start', step: key, kind, attempt, ...named });
      const fail = async (error: unknown): Promise<AppError> => {
        const failure = toAppError(error);
        failpoint('step-failed');
        await this.#write(record('failed', noOutput, storableError(failure)));
        this.addUsage(usage);
        emit({ type: 'step-end', step: key, ok: false, durationMs: clock.now() - begunAt, usage });
        return failure;
      };
      let output: T;
      try {
        const result = await run({
          attempt,
          idempotencyKey: `${runId}:${key}`,
          signal,
          emit,
          recordUsage: (more) => {
            usage = addUsage(usage, more);
          },
        });
        // Now, so that the run goes on with what it would find in its journal.
        output = storable(result);
      } catch (error) {
        if (error instanceof RunInterruption) throw error;
        // A run that is being stopped leaves its step open: whether it failed is not known.
        signal.throwIfAborted();
        // That our own database was away is no outcome: recorded as one, each execution would fail by it again.
        if (isStorageAway(error)) throw error;
        throw await fail(error);
      }
      failpoint('step-effect');
      try {
        const placed = await this.#outputs.place(key, output);
        if (placed.blob !== null) failpoint('step-blob-stored');
        const written = record('completed', placed, null);
        if (options.writeBehind === true && this.#behind.size < mostBehind && placed.blob === null) {
          this.#writeBehind(written);
          failpoint('step-answered');
        } else {
          await this.#write(written);
          failpoint('step-recorded');
        }
      } catch (error) {
        // What cannot be kept is the outcome of the step; it is the same when the run is executed again.
        if (error instanceof AppError && unstorable.has(error.code)) throw await fail(error);
        throw error;
      }
      this.addUsage(usage);
      emit({ type: 'step-end', step: key, ok: true, durationMs: clock.now() - begunAt, usage });
      return output;
    } finally {
      this.#owner.onActivity(-1);
    }
  }

  #assertGoesOn(): void {
    if (this.#closed !== undefined) throw this.#closed;
    this.#owner.signal.throwIfAborted();
  }

  /** What follows from a result that could not be recorded leads nowhere. */
  #assertRecorded(): void {
    if (this.#behindFault !== undefined) throw this.#behindFault.error;
  }

  /** Counts as under way until it is durable, so that the run does not leave memory before. */
  #writeBehind(step: StepRecord): void {
    this.#owner.onActivity(1);
    const written = this.#write(step)
      .then(() => this.#deps.failpoint('step-recorded'))
      .catch((error: unknown) => {
        this.#behindFault ??= { error };
      })
      .finally(() => {
        this.#behind.delete(written);
        this.#owner.onActivity(-1);
      });
    this.#behind.add(written);
  }

  #write(step: StepRecord): Promise<void> {
    return this.#writer.write(step);
  }
}

/** Codes of what `StepOutputs` and `StepWriter` say about an output that they cannot keep. */
const unstorable = new Set(['payload_too_large', 'limit_exceeded', 'output_invalid']);

/** A run that is this many records ahead of the database waits for it. */
const mostBehind = 1000;

const longestErrorText = 16 * 1024;

/** An error as the journal keeps it: of a size that fits a row, and without the characters that `jsonb` refuses. */
function storableError(error: AppError): SerializedError {
  const { code, message, retryable, details } = error.toJSON();
  const fits = details !== undefined && JSON.stringify(details).length <= longestErrorText;
  return storable({
    code,
    message: message.slice(0, longestErrorText),
    retryable,
    ...(fits ? { details } : {}),
  });
}
