import { toAppError, type Clock, type Json, type SerializedError } from '../../../base/index.ts';
import { addUsage, noUsage, type RunEvent, type StepKind, type Usage } from '../../../protocol/index.ts';
import { RunInterruption } from '../interruptions.ts';
import type { RunStep, StepIo, StepOptions } from '../run-context.ts';
import {
  askedTwice,
  differentStep,
  doubtfulStep,
  isSameStep,
  stepDigest,
  storedFailure,
} from '../step-digest.ts';

/** One step in memory; times in milliseconds since 1970. */
export interface MemoryStep {
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

/** What outlives an execution in memory: the steps of a run and the journals of its children, both by step key. */
export class MemoryJournal {
  readonly steps = new Map<string, MemoryStep>();
  readonly #children = new Map<string, MemoryJournal>();

  child(key: string): MemoryJournal {
    const found = this.#children.get(key) ?? new MemoryJournal();
    this.#children.set(key, found);
    return found;
  }
}

interface ExecutionOwner {
  readonly runId: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => void;
}

/**
 * One execution on a journal in memory, with the semantics of the one in the database: finished steps answer, a failed
 * one throws again, a key is asked for once, and other input under a key is a fault.
 */
export class MemoryExecution {
  readonly #journal: MemoryJournal;
  readonly #owner: ExecutionOwner;
  readonly #asked = new Set<string>();
  readonly #earlier: ReadonlySet<string>;
  #usage: Usage = noUsage;

  constructor(journal: MemoryJournal, owner: ExecutionOwner) {
    this.#journal = journal;
    this.#owner = owner;
    this.#earlier = new Set(
      [...journal.steps].flatMap(([key, step]) => (step.status === 'started' ? [] : [key])),
    );
  }

  /** Tokens and cost of all steps so far, replayed ones included. */
  get usage(): Usage {
    return this.#usage;
  }

  /** True for a step that an earlier execution finished. */
  has(key: string): boolean {
    return this.#earlier.has(key);
  }

  readonly step: RunStep = async <T extends Json>(
    key: string,
    kind: StepKind,
    run: (io: StepIo) => Promise<T>,
    options: StepOptions,
  ): Promise<T> => {
    this.#owner.signal.throwIfAborted();
    if (this.#asked.has(key)) throw askedTwice(key);
    this.#asked.add(key);
    const digest = stepDigest(kind, options.input);
    const stored = this.#journal.steps.get(key);
    if (stored !== undefined) {
      if (!isSameStep(stored, kind, digest)) throw differentStep(key, stored, kind);
      if (stored.status !== 'started') this.#usage = addUsage(this.#usage, stored.usage);
      if (stored.status === 'completed') return stored.output as T;
      if (stored.status === 'failed') throw storedFailure(stored.error);
    }
    return this.#execute(key, kind, digest, run, options, stored);
  };

  async #execute<T extends Json>(
    key: string,
    kind: StepKind,
    digest: string,
    run: (io: StepIo) => Promise<T>,
    options: StepOptions,
    stored: MemoryStep | undefined,
  ): Promise<T> {
    const { clock, emit, signal, runId } = this.#owner;
    const attempt = (stored?.attempts ?? 0) + 1;
    const startedAt = clock.now();
    let usage: Usage = noUsage;
    const keep = (status: MemoryStep['status'], output: Json, error: SerializedError | null): void => {
      this.#journal.steps.set(key, {
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
      if (status === 'started') return;
      this.#usage = addUsage(this.#usage, usage);
      const ok = status === 'completed';
      emit({ type: 'step-end', step: key, ok, durationMs: clock.now() - startedAt, usage });
    };
    emit({
      type: 'step-start',
      step: key,
      kind,
      attempt,
      ...(options.name === undefined ? {} : { name: options.name }),
    });
    try {
      if (options.onDoubt === 'fail') {
        if (stored !== undefined) throw doubtfulStep(key, options.name);
        keep('started', null, null);
      }
      const output = await run({
        attempt,
        idempotencyKey: `${runId}:${key}`,
        signal,
        emit,
        recordUsage: (more) => {
          usage = addUsage(usage, more);
        },
      });
      keep('completed', output, null);
      return output;
    } catch (error) {
      if (error instanceof RunInterruption) throw error;
      signal.throwIfAborted();
      const failure = toAppError(error);
      keep('failed', null, failure.toJSON());
      throw failure;
    }
  }
}
