import { sql } from 'kysely';
import { AppError, type Json, type Service } from '../../base/index.ts';
import type { QueueConsumer, QueueJob } from '../../platform/queue/index.ts';
import type { AgentResponse, RunTarget, RunEvent } from '../../protocol/index.ts';
import { isFinal, noUsage } from '../../protocol/index.ts';
import { ActivityMonitor } from './activity-monitor.ts';
import { claimChild, claimRun } from './claim-run.ts';
import { endDescendants, endedWithoutParent, endEventOf } from './end-descendants.ts';
import { toResponse, writeEnding, type RunEnding, type RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { RunInterruption } from './interruptions.ts';
import { persist } from './persist.ts';
import type { ChildOutcome } from './run-context.ts';
import { executeRun, type ChildExecution, type ExecutionHost } from './run-execution.ts';
import type { RunEventLog } from './run-event-log.ts';
import type { DefinitionSnapshots } from './definition-snapshots.ts';
import { suspendRun } from './suspend-run.ts';
import { InPlaceWaker } from './wake-in-place.ts';

/** Told when a run has ended here, after the commit. */
export type OnRunEnd = (run: RunRow, response: AgentResponse | undefined) => void;

interface ActiveRun {
  readonly run: RunRow;
  readonly controller: AbortController;
}

/** What is in memory of a root run, with its children that have not ended. */
interface ActiveTree {
  readonly monitor: ActivityMonitor;
  readonly children: Set<ActiveRun>;
}

/** Executes runs from the queue: claims, executes, ends, suspends or hands back. */
export class RunWorker implements Service {
  readonly name = 'run-worker';
  readonly workerId: string;
  readonly #deps: RunEngineDeps;
  readonly #events: RunEventLog;
  readonly #snapshots: DefinitionSnapshots;
  readonly #onEnd: OnRunEnd;
  readonly #active = new Map<string, ActiveRun>();
  /** By root run. */
  readonly #trees = new Map<string, ActivityMonitor>();
  readonly #waker: InPlaceWaker;
  #consumer: QueueConsumer | undefined;

  constructor(
    deps: RunEngineDeps,
    parts: { workerId: string; events: RunEventLog; snapshots: DefinitionSnapshots; onEnd: OnRunEnd },
  ) {
    this.#deps = deps;
    this.workerId = parts.workerId;
    this.#events = parts.events;
    this.#snapshots = parts.snapshots;
    this.#onEnd = parts.onEnd;
    this.#waker = new InPlaceWaker(deps, this.#trees);
  }

  start(): Promise<void> {
    this.#waker.start();
    this.#consumer ??= this.#deps.queue.consume(
      'runs',
      { concurrency: this.#deps.settings.concurrency },
      (job) => this.#handle(job),
    );
    return Promise.resolve();
  }

  /** Lets runs under way finish for a while, then hands the rest back to the queue. */
  async stop(): Promise<void> {
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    this.#consumer = undefined;
    const stopped = consumer.stop();
    const cancelDrain = this.#deps.clock.after(this.#deps.settings.drainMs, () => {
      for (const [runId, { controller }] of this.#active) {
        controller.abort(new RunInterruption('shutdown', `run ${runId} is handed back: the process stops`));
      }
    });
    await stopped;
    cancelDrain();
    await this.#waker.stop();
  }

  /** Look for jobs now. */
  wake(): void {
    this.#consumer?.wake();
  }

  get activeRunIds(): readonly string[] {
    return [...this.#active.keys()];
  }

  /** Those that hold a job, without their children. */
  get activeRootIds(): readonly string[] {
    return [...this.#trees.keys()];
  }

  /** Stops a run of this process; false when it is not here. */
  abort(runId: string, reason: Error): boolean {
    const active = this.#active.get(runId);
    active?.controller.abort(reason);
    return active !== undefined;
  }

  /** Something has come for a root run, or may have come for any: what waits for it in memory looks again. */
  signalled(rootRunId: string | undefined): void {
    this.#waker.signalled(rootRunId);
  }

  async #handle(job: QueueJob): Promise<void> {
    const runId = job.payload['runId'] as string;
    const { metrics, clock } = this.#deps;
    const run = await claimRun(this.#deps, this.workerId, runId, job);
    if (run === undefined) return;
    this.#deps.failpoint?.('run-claimed');
    const startedAt = clock.now();
    metrics.runsActive.inc();
    try {
      await this.#executeRoot(run, job);
    } catch (error) {
      if (error instanceof RunInterruption && error.kind === 'fenced') {
        this.#deps.logger.warn({ runId, workerId: this.workerId }, 'run was taken over by another worker');
        return;
      }
      throw error;
    } finally {
      metrics.runsActive.dec();
      metrics.runDuration.observe({ agent: run.target_name }, (clock.now() - startedAt) / 1000);
    }
  }

  async #executeRoot(run: RunRow, job: QueueJob): Promise<void> {
    const active = { run, controller: new AbortController() };
    const tree = { monitor: new ActivityMonitor(this.#deps.clock), children: new Set<ActiveRun>() };
    this.#active.set(run.id, active);
    this.#trees.set(run.id, tree.monitor);
    try {
      const emit = await this.#events.open(run.id, run.epoch);
      const early = this.#endBeforeStart(run);
      if (early !== undefined) {
        await this.#end(run, tree, early, job);
        return;
      }
      const host = this.#host(run, tree, emit, active.controller.signal);
      const outcome = await executeRun(host, run, this.#logger(run));
      if (outcome.kind === 'ended') await this.#end(run, tree, outcome.ending, job);
      else await this.#suspend(run, tree, job);
    } finally {
      tree.monitor.stop();
      if (this.#trees.get(run.id) === tree.monitor) this.#trees.delete(run.id);
      this.#leave(active);
    }
  }

  #leave(active: ActiveRun): void {
    const { id, epoch } = active.run;
    if (this.#active.get(id) === active) this.#active.delete(id);
    this.#events.close(id, epoch);
  }

  /** Ends that are known before anything is executed. */
  #endBeforeStart(run: RunRow): RunEnding | undefined {
    const end = (status: RunEnding['status'], error: AppError): RunEnding => ({
      status,
      output: null,
      text: '',
      error: error.toJSON(),
      usage: noUsage,
      messages: [],
    });
    if (run.cancel_requested_at !== null)
      return end('cancelled', new AppError('cancelled', 'the run was cancelled'));
    if (run.attempts > this.#deps.settings.maxCrashes) {
      return end(
        'failed',
        new AppError(
          'run_crashed',
          `the run ended with its process ${run.attempts - 1} times and was set aside`,
        ),
      );
    }
    if (run.deadline_at !== null && run.deadline_at.getTime() <= this.#deps.clock.now()) {
      return end('timeout', new AppError('timeout', 'the run did not start before its deadline'));
    }
    return undefined;
  }

  #host(run: RunRow, tree: ActiveTree, emit: (event: RunEvent) => void, signal: AbortSignal): ExecutionHost {
    emit({
      type: 'run-start',
      target: { kind: run.target_kind, name: run.target_name },
      sessionId: run.session_id,
      attempt: run.epoch,
    });
    return {
      deps: this.#deps,
      definition: (of) => this.#snapshots.get(of),
      emit,
      signal,
      tree: tree.monitor,
      executeChild: (parent, key, target, input, childSignal) =>
        this.#executeChild(tree, { parent, key, target, input }, childSignal),
    };
  }

  async #executeChild(
    tree: ActiveTree,
    child: {
      readonly parent: RunRow;
      readonly key: string;
      readonly target: RunTarget;
      readonly input: Json;
    },
    parentSignal: AbortSignal,
  ): Promise<ChildExecution> {
    const run = await claimChild(this.#deps, this.workerId, child);
    if (isFinal(run.status)) return { kind: 'ended', outcome: outcomeOf(run) };
    const active = { run, controller: new AbortController() };
    this.#active.set(run.id, active);
    tree.children.add(active);
    const emit = await this.#events.open(run.id, run.epoch);
    const signal = AbortSignal.any([active.controller.signal, parentSignal]);
    const early = this.#endBeforeStart(run);
    try {
      const outcome =
        early === undefined
          ? await executeRun(this.#host(run, tree, emit, signal), run, this.#logger(run))
          : { kind: 'ended' as const, ending: early };
      // The root run's suspension is this one's too.
      if (outcome.kind === 'suspended') return outcome;
      const { ending } = outcome;
      tree.children.delete(active);
      await this.#end(run, tree, ending, undefined);
      const { status, output, usage, error } = ending;
      this.#leave(active);
      return { kind: 'ended', outcome: { runId: run.id, status, output, usage, error } };
    } catch (error) {
      tree.children.delete(active);
      this.#leave(active);
      throw error;
    }
  }

  async #suspend(run: RunRow, tree: ActiveTree, job: QueueJob): Promise<void> {
    try {
      await Promise.all(tree.monitor.runIds.map((id) => this.#events.store(id)));
      const wakeNow = await suspendRun(this.#deps, run, tree.monitor, job);
      if (wakeNow) this.wake();
    } finally {
      for (const child of tree.children) this.#leave(child);
    }
  }

  /** Writes the end; repeated while the database is away, and recognised when an earlier try had succeeded after all. */
  async #end(run: RunRow, tree: ActiveTree, ending: RunEnding, job: QueueJob | undefined): Promise<void> {
    const { storage, clock, metrics } = this.#deps;
    const response = run.request_id === null ? undefined : toResponse(this.#deps, run, ending);
    const { batch, announce } = await this.#events.prepareEnd(run.id, {
      type: 'run-end',
      status: ending.status,
      ...(ending.output === null ? {} : { output: ending.output }),
      ...(ending.error === null ? {} : { error: ending.error }),
      usage: ending.usage,
    });
    const below = await this.#endingsBelow(run, tree);
    let announceBelow = (): void => {};
    this.#deps.failpoint?.('end-begin');
    try {
      await persist(
        () =>
          storage.transaction(async (trx) => {
            await writeEnding(this.#deps, trx, {
              run,
              epoch: run.epoch,
              expected: 'running',
              ending,
              response,
              events: batch,
              job,
            });
            // Those that the run did not wait for. None of another branch is below it.
            if (tree.children.size > 0)
              announceBelow = await endDescendants(trx, { clock, events: this.#events }, run.id, {
                ...endedWithoutParent,
                batches: new Map(below.map(({ runId, batch }) => [runId, batch])),
              });
            this.#deps.failpoint?.('end-before-commit');
          }),
        clock,
      );
    } catch (error) {
      if (!(error instanceof RunInterruption) || !(await this.#endedBefore(run))) throw error;
    }
    this.#deps.failpoint?.('end-after-commit');
    announce();
    for (const one of below) one.announce();
    announceBelow();
    metrics.runs.inc({ agent: run.target_name, status: ending.status });
    this.#onEnd(run, response);
  }

  /** The last events of those below a run that are still in memory as it ends. */
  async #endingsBelow(run: RunRow, tree: ActiveTree) {
    const parents = new Map([...tree.children].map((child) => [child.run.id, child.run.parent_run_id]));
    const isBelow = (id: string): boolean => {
      const parent = parents.get(id);
      return typeof parent === 'string' && (parent === run.id || isBelow(parent));
    };
    return Promise.all(
      [...tree.children]
        .filter((child) => isBelow(child.run.id))
        .map(async (child) => ({
          runId: child.run.id,
          ...(await this.#events.prepareEnd(child.run.id, endEventOf(endedWithoutParent, child.run))),
        })),
    );
  }

  /** True when this execution's end is in the database although its commit was not confirmed. */
  async #endedBefore(run: RunRow): Promise<boolean> {
    const { rows } = await sql<{ ended: boolean }>`
      select ended_at is not null as ended from runs where id = ${run.id} and epoch = ${run.epoch}`.execute(
      this.#deps.storage.db,
    );
    return rows[0]?.ended === true;
  }

  #logger(run: RunRow) {
    return this.#deps.logger.child({ runId: run.id, target: run.target_name });
  }
}

function outcomeOf(run: RunRow): ChildOutcome {
  return {
    runId: run.id,
    status: run.status,
    output: run.output ?? null,
    usage: { inputTokens: run.input_tokens, outputTokens: run.output_tokens, costUsd: run.cost_usd },
    error: run.error,
  };
}
