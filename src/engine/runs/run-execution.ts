import {
  AppError,
  isAbortError,
  toAppError,
  withDeadline,
  type Json,
  type Logger,
  type SerializedError,
} from '../../base/index.ts';
import type { PermissionScope, RunEvent, RunTarget, Scope } from '../../protocol/index.ts';
import { ActivityMonitor, type PendingWait } from './activity-monitor.ts';
import { createDurableWaits, forever } from './durable-waits.ts';
import type { RunEnding, RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { RunInterruption } from './interruptions.ts';
import { RunJournal } from './journal.ts';
import type { ChildOutcome, RunContext, RunResult } from './run-context.ts';
import { readHistory } from './session-history.ts';

/** How long an aborted executor may take to come back before the run goes on without it. */
const abortGraceMs = 2000;

/** What came of one execution: the run's end, or the waits for which it left memory. */
export type ExecutionOutcome =
  | { readonly kind: 'ended'; readonly ending: RunEnding }
  | { readonly kind: 'suspended'; readonly waits: readonly PendingWait[] };

/** What an execution needs from the worker around it. */
export interface ExecutionHost {
  readonly deps: RunEngineDeps;
  /** Definition of a run by the hash it was accepted with. */
  definition(run: RunRow): Promise<Json>;
  emit(event: RunEvent): void;
  /** Aborts on cancel, shutdown and loss of the run; the reason says which. */
  readonly signal: AbortSignal;
  /** Executes a child of this run in place. */
  executeChild(
    parent: RunRow,
    key: string,
    target: RunTarget,
    input: Json,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: 'ended'; readonly outcome: ChildOutcome }
    | { readonly kind: 'suspended'; readonly waits: readonly PendingWait[] }
  >;
}

function ending(
  status: RunEnding['status'],
  journal: RunJournal,
  result?: RunResult,
  error?: SerializedError,
): RunEnding {
  return {
    status,
    output: result?.output ?? null,
    text: result?.text ?? '',
    error: error ?? null,
    usage: journal.usage,
    messages: result?.messages ?? [],
  };
}

/** Executes a claimed run once, from the top; finished steps answer from the journal. Throws only `RunInterruption` and storage faults. */
export async function executeRun(
  host: ExecutionHost,
  run: RunRow,
  logger: Logger,
): Promise<ExecutionOutcome> {
  const { deps } = host;
  const remainingMs = run.deadline_at === null ? 2 ** 31 - 1 : run.deadline_at.getTime() - deps.clock.now();
  const deadline = withDeadline(deps.clock, Math.max(0, remainingMs), host.signal);
  let suspend: () => void = () => {};
  const suspended = new Promise<'suspended'>((resolve) => {
    suspend = () => resolve('suspended');
  });
  const monitor = new ActivityMonitor(deps.clock, suspend);
  const journal = new RunJournal(
    { storage: deps.storage, clock: deps.clock, failpoint: deps.failpoint ?? (() => {}) },
    {
      runId: run.id,
      epoch: run.epoch,
      signal: deadline.signal,
      emit: host.emit,
      onActivity: (change) => monitor.change(change),
    },
  );
  try {
    if (run.epoch > 1) await journal.load();
    const executor = deps.executors[run.target_kind];
    if (executor === undefined)
      throw new AppError('invalid_request', `this server cannot execute a ${run.target_kind}`);
    const definition = await host.definition(run);
    const context = createContext(host, run, journal, monitor, deadline.signal, logger);
    const execution = executor.execute(definition, context);
    const outcome = await Promise.race([
      execution,
      suspended,
      abortedFor(deadline.signal, deps, abortGraceMs),
    ]);
    if (outcome === 'suspended') {
      journal.close(new RunInterruption('suspended', `run ${run.id} waits`));
      // The execution that was left behind ends at its next step, or never; nobody listens to it any more.
      execution.catch(() => {});
      return { kind: 'suspended', waits: monitor.waits };
    }
    if (outcome === 'aborted') {
      execution.catch(() => {});
      throw deadline.signal.reason;
    }
    return { kind: 'ended', ending: ending('completed', journal, outcome) };
  } catch (error) {
    return { kind: 'ended', ending: endingOf(error, deadline.signal, journal, run, logger) };
  } finally {
    journal.close(new RunInterruption('fenced', `this execution of run ${run.id} is over`));
    monitor.stop();
    deadline.clear();
  }
}

/** Resolves when the signal aborted and the grace time has passed. */
async function abortedFor(signal: AbortSignal, deps: RunEngineDeps, graceMs: number): Promise<'aborted'> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await deps.clock.sleep(graceMs);
  return 'aborted';
}

function endingOf(
  error: unknown,
  signal: AbortSignal,
  journal: RunJournal,
  run: RunRow,
  logger: Logger,
): RunEnding {
  const cause = signal.aborted ? (signal.reason as unknown) : error;
  if (cause instanceof RunInterruption) throw cause;
  if (error instanceof RunInterruption) throw error;
  if (signal.aborted && isAbortError(cause)) {
    const timeout = new AppError('timeout', 'the run did not finish before its deadline');
    return ending('timeout', journal, undefined, timeout.toJSON());
  }
  const failure = toAppError(cause);
  if (failure.code === 'storage_unavailable' || failure.code === 'storage_full') throw failure;
  if (failure.code === 'cancelled') return ending('cancelled', journal, undefined, failure.toJSON());
  const level = failure.fault === 'internal' ? 'error' : 'warn';
  logger[level]({ error: failure, runId: run.id }, 'run failed');
  return ending('failed', journal, undefined, failure.toJSON());
}

function createContext(
  host: ExecutionHost,
  run: RunRow,
  journal: RunJournal,
  monitor: ActivityMonitor,
  signal: AbortSignal,
  logger: Logger,
): RunContext {
  const { deps } = host;
  const scope: Scope = {
    tenant: run.tenant,
    principal: run.principal,
    scopes: run.scopes as readonly PermissionScope[],
  };
  const waits = createDurableWaits(deps, {
    runId: run.id,
    rootRunId: run.root_run_id,
    epoch: run.epoch,
    journal,
    monitor,
  });
  return {
    runId: run.id,
    rootRunId: run.root_run_id,
    scope,
    target: { kind: run.target_kind, name: run.target_name },
    sessionId: run.session_id,
    source: run.source,
    input: run.input,
    attempt: run.epoch,
    createdAt: run.created_at.toISOString(),
    signal,
    logger,
    step: journal.step,
    emit: host.emit,
    history: (maxTokens) => readHistory(deps.storage, run, maxTokens),
    sleep: waits.sleep,
    waitForSignal: waits.waitForSignal,
    child: async (key, target, input) => {
      const outcome = await journal.step<Json>(
        key,
        'run',
        async (io) => {
          const child = await host.executeChild(run, key, target, input, io.signal);
          if (child.kind === 'suspended') {
            monitor.waitFor(child.waits);
            monitor.change(-1);
            return forever<Json>();
          }
          io.recordUsage(child.outcome.usage);
          return child.outcome as unknown as Json;
        },
        { input: { target: { ...target }, input }, name: target.name },
      );
      return outcome as unknown as ChildOutcome;
    },
  };
}
