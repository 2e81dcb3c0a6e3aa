import { AppError, silentLogger, toAppError, type Clock, type Json } from '../base/index.ts';
import {
  MemoryJournal,
  RunInterruption,
  type ChildOutcome,
  type MemoryStep,
  type RunContext,
  type RunStep,
} from '../engine/runs/index.ts';
import { MemoryExecution } from '../engine/runs/memory/memory-journal.ts';
import { createMemoryRunContext } from '../engine/runs/memory/memory-run-context.ts';
import { stepDigest } from '../engine/runs/step-digest.ts';
import {
  noUsage,
  type ApprovalOutcome,
  type ApprovalRequest,
  type RunEvent,
  type RunTarget,
  type Scope,
  type StepKind,
} from '../protocol/index.ts';

/** A moment at which a run in memory can be told to end, as if its process had died. */
export type CrashMoment = 'before' | 'effect' | 'recorded';

export interface MemoryRunSettings {
  readonly clock: Clock;
  readonly input?: Json;
  readonly scope?: Scope;
  readonly depth?: number;
  /** True: the execution ends here with a `RunInterruption`; nothing of it happens after that. */
  readonly crash?: (key: string, moment: CrashMoment) => boolean;
  readonly onChild?: (
    target: RunTarget,
    input: Json,
    signal: AbortSignal,
  ) => Promise<Omit<ChildOutcome, 'runId'>>;
  readonly onApproval?: (
    key: string,
    request: ApprovalRequest,
  ) => Promise<Omit<ApprovalOutcome, 'approvalId'>>;
  readonly onSignal?: (name: string, timeoutMs: number | undefined) => Promise<Json | undefined>;
}

const runId = 'run_memory';

/** A run whose journal outlives its executions, as it does in the database: for tests of executors. */
export class MemoryRun {
  readonly events: RunEvent[] = [];
  /** Keys whose function ran, once for each time. */
  readonly executed: string[] = [];
  readonly #journal = new MemoryJournal();
  readonly #settings: MemoryRunSettings;

  constructor(settings: MemoryRunSettings) {
    this.#settings = settings;
  }

  /** The journal, by key. */
  get steps(): Map<string, MemoryStep> {
    return this.#journal.steps;
  }

  /** Records a failure, as an earlier execution would have. */
  fail(key: string, kind: StepKind, input: Json, error: AppError): void {
    const now = this.#settings.clock.now();
    this.steps.set(key, {
      kind,
      status: 'failed',
      digest: stepDigest(kind, input),
      attempts: 1,
      output: null,
      error: error.toJSON(),
      usage: noUsage,
      startedAt: now,
      endedAt: now,
    });
  }

  /** The context of the next execution. */
  context(signal: AbortSignal = new AbortController().signal): RunContext {
    const settings = this.#settings;
    const { clock, scope = { tenant: 'default', principal: 'test', scopes: ['admin'] } } = settings;
    const emit = (event: RunEvent): void => void this.events.push(event);
    const execution = new MemoryExecution(this.#journal, { runId, clock, signal, emit });
    let crashed: RunInterruption | undefined;
    const crash = (key: string, moment: CrashMoment): void => {
      if (crashed === undefined && settings.crash?.(key, moment) === true)
        crashed = new RunInterruption('shutdown', `the process ended ${moment} "${key}"`);
      if (crashed !== undefined) throw crashed;
    };
    const step: RunStep = async (key, kind, run, options) => {
      if (crashed !== undefined) throw crashed;
      if (execution.has(key)) return execution.step(key, kind, run, options);
      const settled = await execution
        .step(
          key,
          kind,
          async (io) => {
            crash(key, 'before');
            this.executed.push(key);
            try {
              return await run(io);
            } catch (error) {
              if (error instanceof RunInterruption) throw error;
              signal.throwIfAborted();
              throw toAppError(error);
            } finally {
              crash(key, 'effect');
            }
          },
          options,
        )
        .then(
          (output) => ({ output }),
          (error: unknown) => ({ error }),
        );
      if (this.steps.get(key)?.endedAt !== null) crash(key, 'recorded');
      if ('error' in settled) throw settled.error;
      return settled.output;
    };
    const unanswered = (what: string) =>
      Promise.reject(new AppError('not_ready', `nobody answers ${what} in this test`));
    return createMemoryRunContext(
      {
        runId,
        rootRunId: runId,
        scope,
        target: { kind: 'workflow', name: 'memory' },
        sessionId: null,
        source: 'test',
        input: settings.input ?? null,
        depth: settings.depth ?? 0,
        effects: 'on',
        createdAt: '2026-01-01T00:00:00.000Z',
      },
      {
        journal: { step, has: (key) => execution.has(key) },
        signal,
        logger: silentLogger,
        emit,
        history: () => Promise.resolve([]),
        waits: {
          sleep: (milliseconds) => clock.sleep(milliseconds, { signal }),
          signal: (name, timeoutMs) =>
            settings.onSignal?.(name, timeoutMs) ?? unanswered(`the signal "${name}"`),
          approve: async (key, request) => {
            const decided = await (settings.onApproval?.(key, request) ??
              unanswered(`the approval "${key}"`));
            return { approvalId: `apr_${key}`, ...decided };
          },
          child: async (key, target, input, ended) => {
            const outcome = await (settings.onChild?.(target, input, ended) ?? unanswered('children'));
            return { runId: `run_of_${key}`, ...outcome };
          },
        },
      },
    );
  }
}
