import {
  AppError,
  isAbortError,
  toAppError,
  withDeadline,
  type Json,
  type Logger,
  type SerializedError,
  storable,
} from '../../base/index.ts';
import type { PermissionScope, RunEvent, RunTarget, Scope } from '../../protocol/index.ts';
import type { ActivityMonitor, RunActivity } from './activity-monitor.ts';
import { createApprove } from './approvals/approval-wait.ts';
import { createDurableWaits, forever } from './durable-waits.ts';
import type { RunEnding, RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { RunInterruption } from './interruptions.ts';
import { RunJournal } from './journal.ts';
import { isStorageAway } from './persist.ts';
import type { ChildOutcome, RunContext, RunResult } from './run-context.ts';
import { readHistory } from './session-history.ts';
import { measuredJson } from './step-outputs.ts';
import { waitInputs } from './wait-steps.ts';

/** How long an aborted executor may take to come back before the run goes on without it. */
const abortGraceMs = 2000;

/** What came of one execution: the run's end, or that its whole tree left memory to wait. */
export type ExecutionOutcome =
  | { readonly kind: 'ended'; readonly ending: RunEnding }
  | { readonly kind: 'suspended' };

/** What came of executing a child. */
export type ChildExecution =
  | { readonly kind: 'ended'; readonly outcome: ChildOutcome }
  | { readonly kind: 'suspended' };

/** What an execution needs from the worker around it. */
export interface ExecutionHost {
  readonly deps: RunEngineDeps;
  /** Definition of a run by the hash it was accepted with. */
  definition(run: RunRow): Promise<Json>;
  emit(event: RunEvent): void;
  /** Aborts on cancel, shutdown and loss of the run; the reason says which. */
  readonly signal: AbortSignal;
  /** What is under way in the root run and all its children. Whoever starts an execution counts as under way in it. */
  readonly tree: ActivityMonitor;
  /** Executes a child of this run in place. */
  executeChild(
    parent: RunRow,
    key: string,
    target: RunTarget,
    input: Json,
    signal: AbortSignal,
  ): Promise<ChildExecution>;
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
  const journal = new RunJournal(
    { ...deps, failpoint: deps.failpoint ?? (() => {}) },
    {
      runId: run.id,
      epoch: run.epoch,
      signal: deadline.signal,
      emit: host.emit,
      onActivity: (change) => activity.change(change),
    },
  );
  const activity = host.tree.join({
    runId: run.id,
    parent:
      run.parent_run_id === null ? undefined : { runId: run.parent_run_id, key: run.parent_step_key ?? '' },
    onSuspend: () => {
      journal.close(new RunInterruption('suspended', `run ${run.id} waits`));
      host.emit({ type: 'run-waiting', reasons: host.tree.waitingFor(run.id) });
      suspend();
    },
  });
  // Children that are still executed when this run has come back without them.
  const over = new AbortController();
  try {
    if (run.epoch > 1 || run.forked_from !== null) await journal.load();
    const executor = deps.executors[run.target_kind];
    if (executor === undefined)
      throw new AppError('invalid_request', `this server cannot execute a ${run.target_kind}`);
    const definition = await host.definition(run);
    journal.limitState(executor.limits?.(definition).maxStateBytes ?? deps.settings.maxStateBytes);
    const signal = AbortSignal.any([deadline.signal, over.signal]);
    const context = createContext(host, run, journal, activity, signal, logger);
    const execution = executor.execute(definition, context);
    const came = await whileWaitedFor(host.tree, () =>
      Promise.race([execution, suspended, abortedFor(deadline.signal, deps, abortGraceMs)]),
    );
    const outcome = storable(came);
    if (outcome === 'suspended') {
      // The execution that was left behind ends at its next step, or never; nobody listens to it any more.
      execution.catch(() => {});
      return { kind: 'suspended' };
    }
    if (outcome === 'aborted') {
      execution.catch(() => {});
      throw deadline.signal.reason;
    }
    measuredJson("the run's output", outcome.output);
    await journal.settled();
    return { kind: 'ended', ending: ending('completed', journal, outcome) };
  } catch (error) {
    const cause = await afterRecordsOf(journal, error, deadline.signal, deps);
    return { kind: 'ended', ending: endingOf(cause, deadline.signal, journal, run, logger) };
  } finally {
    const interruption = new RunInterruption('fenced', `this execution of run ${run.id} is over`);
    journal.close(interruption);
    activity.leave();
    over.abort(interruption);
    deadline.clear();
  }
}

/** Whoever started the executor does nothing while it runs: what is under way then is under way in the executor. */
async function whileWaitedFor<T>(tree: ActivityMonitor, work: () => Promise<T>): Promise<T> {
  tree.change(-1);
  try {
    return await work();
  } finally {
    tree.change(1);
  }
}

/**
 * What an execution failed with, once the records are durable that it did not wait for: that one of them could not be
 * written comes first. An execution that is interrupted is executed again and gives them a short time only.
 */
async function afterRecordsOf(
  journal: RunJournal,
  error: unknown,
  signal: AbortSignal,
  { clock }: RunEngineDeps,
): Promise<unknown> {
  const settled = journal.settled().then(
    () => error,
    (fault: unknown) => fault,
  );
  const isInterrupted =
    error instanceof RunInterruption || (signal.aborted && signal.reason instanceof RunInterruption);
  if (!isInterrupted) return settled;
  const grace = new AbortController();
  const patience = clock.sleep(abortGraceMs, { signal: grace.signal }).catch(() => {});
  await Promise.race([settled, patience]);
  grace.abort();
  return error;
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
  if (isStorageAway(failure)) throw failure;
  if (failure.code === 'cancelled') return ending('cancelled', journal, undefined, failure.toJSON());
  const level = failure.fault === 'internal' ? 'error' : 'warn';
  logger[level]({ error: failure, runId: run.id }, 'run failed');
  return ending('failed', journal, undefined, failure.toJSON());
}

function createContext(
  host: ExecutionHost,
  run: RunRow,
  journal: RunJournal,
  activity: RunActivity,
  signal: AbortSignal,
  logger: Logger,
): RunContext {
  const { deps } = host;
  const scope: Scope = {
    tenant: run.tenant,
    principal: run.principal,
    scopes: run.scopes as readonly PermissionScope[],
  };
  const owner = { runId: run.id, rootRunId: run.root_run_id, epoch: run.epoch, journal, activity };
  const waits = createDurableWaits(deps, owner);
  const approve = createApprove(deps, { ...owner, emit: host.emit });
  /** What a wait stores may follow from steps whose records are still on their way. */
  const afterRecords = async <T>(wait: () => Promise<T>): Promise<T> => {
    await journal.settled();
    return wait();
  };
  return {
    runId: run.id,
    rootRunId: run.root_run_id,
    scope,
    target: { kind: run.target_kind, name: run.target_name },
    sessionId: run.session_id,
    source: run.source,
    input: run.input,
    attempt: run.epoch,
    depth: run.depth,
    effects: run.effects,
    createdAt: run.created_at.toISOString(),
    signal,
    logger,
    step: journal.step,
    emit: host.emit,
    history: (maxTokens) => activity.busy(() => readHistory(deps.storage, run, maxTokens)),
    sleep: (key, milliseconds) => afterRecords(() => waits.sleep(key, milliseconds)),
    waitForSignal: (key, name, options) => afterRecords(() => waits.waitForSignal(key, name, options)),
    approve: (key, request) => afterRecords(() => approve(key, request)),
    busy: (work) => activity.busy(work),
    recorded: (key) => journal.has(key),
    child: async (key, target, input, options = {}) => {
      const ending = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
      const outcome = await journal.step<Json>(
        key,
        'run',
        async (io) => {
          const child = await host.executeChild(run, key, target, input, ending);
          if (child.kind === 'suspended') return forever<Json>();
          io.recordUsage(child.outcome.usage);
          return child.outcome as unknown as Json;
        },
        { input: waitInputs.child(target, input), name: target.name },
      );
      return outcome as unknown as ChildOutcome;
    },
  };
}
