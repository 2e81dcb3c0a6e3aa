import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import {
  AppError,
  fromSerializedError,
  toAppError,
  type Clock,
  type Json,
  type SerializedError,
} from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { addUsage, noUsage, type RunEvent, type StepKind, type Usage } from '../../protocol/index.ts';
import { fenced, RunInterruption } from './interruptions.ts';
import { persist } from './persist.ts';
import type { RunStep, StepIo, StepOptions } from './run-context.ts';

interface StoredStep {
  readonly kind: StepKind;
  readonly status: 'started' | 'completed' | 'failed';
  readonly digest: string;
  readonly attempts: number;
  readonly output: Json;
  readonly error: SerializedError | null;
  readonly usage: Usage;
}

interface StepRecord {
  readonly key: string;
  readonly kind: StepKind;
  readonly status: 'started' | 'completed' | 'failed';
  readonly digest: string;
  readonly attempts: number;
  readonly output: Json;
  readonly error: SerializedError | null;
  readonly usage: Usage;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

export interface JournalDeps {
  readonly storage: Storage;
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

/** Digest of what decides a step: its kind and its input. */
function stepDigest(kind: StepKind, input: Json): string {
  return createHash('sha256').update(kind).update('\n').update(JSON.stringify(input)).digest('base64url');
}

/**
 * The memory of one run: finished steps answer from it, new ones are written to it, each in one statement that also
 * checks the run's epoch. A stale worker's write changes nothing and ends its execution.
 */
export class RunJournal {
  readonly #deps: JournalDeps;
  readonly #owner: JournalOwner;
  readonly #stored = new Map<string, StoredStep>();
  readonly #asked = new Set<string>();
  #usage: Usage = noUsage;
  #closed: RunInterruption | undefined;

  constructor(deps: JournalDeps, owner: JournalOwner) {
    this.#deps = deps;
    this.#owner = owner;
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

  addUsage(usage: Usage): void {
    this.#usage = addUsage(this.#usage, usage);
  }

  /** Reads the steps of earlier executions. Not needed for a run's first one. */
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
        'error',
        'input_tokens',
        'output_tokens',
        'cost_usd',
      ])
      .where('run_id', '=', this.#owner.runId)
      .execute();
    for (const row of rows) {
      this.#stored.set(row.key, {
        kind: row.kind,
        status: row.status,
        digest: row.digest,
        attempts: row.attempts,
        output: row.output ?? null,
        error: row.error,
        usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens, costUsd: row.cost_usd },
      });
    }
  }

  /** From now on every step is refused with this interruption: a branch that was left behind must not go on. */
  close(interruption: RunInterruption): void {
    this.#closed ??= interruption;
  }

  readonly step: RunStep = async <T extends Json>(
    key: string,
    kind: StepKind,
    run: (io: StepIo) => Promise<T>,
    options: StepOptions,
  ): Promise<T> => {
    if (this.#closed !== undefined) throw this.#closed;
    this.#owner.signal.throwIfAborted();
    if (this.#asked.has(key)) {
      throw new AppError(
        'nondeterministic_run',
        `step "${key}" was asked for twice in one execution; keys must be unique`,
      );
    }
    this.#asked.add(key);
    const digest = stepDigest(kind, options.input);
    const stored = this.#stored.get(key);
    if (stored !== undefined) {
      if (stored.digest !== digest || stored.kind !== kind) {
        throw new AppError(
          'nondeterministic_run',
          `step "${key}" was journaled with other input; this is the first step that differs`,
          { details: { step: key, journaledKind: stored.kind, kind } },
        );
      }
      if (stored.status === 'completed') {
        this.addUsage(stored.usage);
        return stored.output as T;
      }
      if (stored.status === 'failed') {
        this.addUsage(stored.usage);
        throw fromSerializedError(
          stored.error ?? { code: 'internal', message: 'step failed', retryable: false },
        );
      }
    }
    return this.#execute(key, kind, digest, (stored?.attempts ?? 0) + 1, run, options, stored !== undefined);
  };

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
    const startedAt = clock.now();
    let usage: Usage = noUsage;
    const record = (
      status: 'started' | 'completed' | 'failed',
      output: Json,
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
      endedAt: status === 'started' ? null : clock.now(),
    });
    const named = options.name === undefined ? {} : { name: options.name };
    this.#owner.onActivity(1);
    try {
      if (options.onDoubt === 'fail') {
        if (inDoubt) {
          const doubt = new AppError(
            'conflict',
            `"${options.name ?? key}" was under way when the process ended: it may or may not have happened, and is not repeated`,
            { details: { step: key } },
          );
          await this.#write(record('failed', null, doubt.toJSON()));
          throw doubt;
        }
        await this.#write(record('started', null, null));
        failpoint('step-started');
      }
      emit({ type: 'step-start', step: key, kind, attempt, ...named });
      let output: T;
      try {
        output = await run({
          attempt,
          idempotencyKey: `${runId}:${key}`,
          signal,
          emit,
          recordUsage: (more) => {
            usage = addUsage(usage, more);
          },
        });
      } catch (error) {
        if (error instanceof RunInterruption) throw error;
        // A run that is being stopped leaves its step open: whether it failed is not known.
        signal.throwIfAborted();
        const failure = toAppError(error);
        failpoint('step-failed');
        await this.#write(record('failed', null, failure.toJSON()));
        this.addUsage(usage);
        emit({ type: 'step-end', step: key, ok: false, durationMs: clock.now() - startedAt, usage });
        throw failure;
      }
      failpoint('step-effect');
      await this.#write(record('completed', output, null));
      failpoint('step-recorded');
      this.addUsage(usage);
      emit({ type: 'step-end', step: key, ok: true, durationMs: clock.now() - startedAt, usage });
      return output;
    } finally {
      this.#owner.onActivity(-1);
    }
  }

  async #write(step: StepRecord): Promise<void> {
    const { runId, epoch } = this.#owner;
    const written = await persist(async () => {
      const result = await sql`
        with held as (select 1 from runs where id = ${runId} and epoch = ${epoch} and status = 'running' for share)
        insert into run_steps as s (run_id, key, kind, status, digest, epoch, attempts, output, error,
          input_tokens, output_tokens, cost_usd, started_at, ended_at)
        select ${runId}, ${step.key}, ${step.kind}, ${step.status}, ${step.digest}, ${epoch}::int, ${step.attempts}::int,
          ${step.output === null ? null : JSON.stringify(step.output)}::jsonb,
          ${step.error === null ? null : JSON.stringify(step.error)}::jsonb,
          ${step.usage.inputTokens}::int, ${step.usage.outputTokens}::int, ${step.usage.costUsd}::float8,
          ${new Date(step.startedAt)}::timestamptz, ${step.endedAt === null ? null : new Date(step.endedAt)}::timestamptz
        from held
        on conflict (run_id, key) do update set status = excluded.status, epoch = excluded.epoch,
          attempts = excluded.attempts, output = excluded.output, error = excluded.error,
          input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost_usd = excluded.cost_usd,
          started_at = excluded.started_at, ended_at = excluded.ended_at
        where s.status = 'started' or s.epoch = excluded.epoch`.execute(this.#deps.storage.db);
      return result.numAffectedRows ?? 0n;
    }, this.#deps.clock);
    if (written === 0n) throw fenced(runId);
  }
}
