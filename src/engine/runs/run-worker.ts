import { sql } from 'kysely';
import { AppError, type Json, type Service } from '../../base/index.ts';
import type { QueueConsumer, QueueJob } from '../../platform/queue/index.ts';
import type { AgentResponse, RunTarget, RunEvent } from '../../protocol/index.ts';
import { isFinal, noUsage } from '../../protocol/index.ts';
import type { PendingWait } from './activity-monitor.ts';
import { claimChild, claimRun } from './claim-run.ts';
import { toResponse, writeEnding, type RunEnding, type RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { RunInterruption } from './interruptions.ts';
import { persist } from './persist.ts';
import type { ChildOutcome } from './run-context.ts';
import { executeRun, type ExecutionHost } from './run-execution.ts';
import type { RunEventLog } from './run-event-log.ts';
import type { DefinitionSnapshots } from './definition-snapshots.ts';
import { suspendRun } from './suspend-run.ts';

/** Told when a run has ended here, after the commit. */
export type OnRunEnd = (run: RunRow, response: AgentResponse | undefined) => void;

interface ActiveRun {
  readonly controller: AbortController;
  readonly job: QueueJob | undefined;
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
  }

  start(): Promise<void> {
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
  }

  /** Look for jobs now. */
  wake(): void {
    this.#consumer?.wake();
  }

  get activeRunIds(): readonly string[] {
    return [...this.#active.keys()];
  }

  /** Stops a run of this process; false when it is not here. */
  abort(runId: string, reason: Error): boolean {
    const active = this.#active.get(runId);
    active?.controller.abort(reason);
    return active !== undefined;
  }

  async #handle(job: QueueJob): Promise<void> {
    const runId = job.payload['runId'] as string;
    const { metrics, clock } = this.#deps;
    const run = await claimRun(this.#deps, this.workerId, runId, job.id);
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
    const controller = new AbortController();
    this.#active.set(run.id, { controller, job });
    const emit = await this.#events.open(run.id, run.epoch);
    try {
      const early = this.#endBeforeStart(run);
      if (early !== undefined) {
        await this.#end(run, early, job);
        return;
      }
      const outcome = await executeRun(this.#host(run, emit, controller.signal), run, this.#logger(run));
      if (outcome.kind === 'ended') await this.#end(run, outcome.ending, job);
      else await this.#suspend(run, outcome.waits, job, emit);
    } finally {
      this.#active.delete(run.id);
      this.#events.close(run.id, run.epoch);
    }
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

  #host(run: RunRow, emit: (event: RunEvent) => void, signal: AbortSignal): ExecutionHost {
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
      executeChild: (parent, key, target, input, childSignal) =>
        this.#executeChild(parent, key, target, input, childSignal),
    };
  }

  async #executeChild(
    parent: RunRow,
    key: string,
    target: RunTarget,
    input: Json,
    parentSignal: AbortSignal,
  ): Promise<
    { kind: 'ended'; outcome: ChildOutcome } | { kind: 'suspended'; waits: readonly PendingWait[] }
  > {
    const run = await claimChild(this.#deps, this.workerId, { parent, key, target, input });
    if (isFinal(run.status)) return { kind: 'ended', outcome: outcomeOf(run) };
    const controller = new AbortController();
    this.#active.set(run.id, { controller, job: undefined });
    const emit = await this.#events.open(run.id, run.epoch);
    try {
      const signal = AbortSignal.any([controller.signal, parentSignal]);
      const outcome = await executeRun(this.#host(run, emit, signal), run, this.#logger(run));
      if (outcome.kind === 'ended') {
        await this.#end(run, outcome.ending, undefined);
        const { ending } = outcome;
        return {
          kind: 'ended',
          outcome: {
            runId: run.id,
            status: ending.status,
            output: ending.output,
            usage: ending.usage,
            error: ending.error,
          },
        };
      }
      await this.#deps.storage.db
        .updateTable('runs')
        .set({
          status: 'waiting',
          attempts: 0,
          waiting_for: JSON.stringify(outcome.waits.map((wait) => wait.key)),
        })
        .where('id', '=', run.id)
        .where('epoch', '=', run.epoch)
        .execute();
      return outcome;
    } finally {
      this.#active.delete(run.id);
      this.#events.close(run.id, run.epoch);
    }
  }

  async #suspend(
    run: RunRow,
    waits: readonly PendingWait[],
    job: QueueJob,
    emit: (event: RunEvent) => void,
  ): Promise<void> {
    emit({ type: 'run-waiting', reasons: waits.map((wait) => wait.key) });
    const wakeNow = await suspendRun(this.#deps, run, waits, job);
    if (wakeNow) this.wake();
  }

  /** Writes the end; repeated while the database is away, and recognised when an earlier try had succeeded after all. */
  async #end(run: RunRow, ending: RunEnding, job: QueueJob | undefined): Promise<void> {
    const { storage, clock, metrics } = this.#deps;
    const response = run.request_id === null ? undefined : toResponse(this.#deps, run, ending);
    const { batch, announce } = await this.#events.prepareEnd(run.id, {
      type: 'run-end',
      status: ending.status,
      ...(ending.output === null ? {} : { output: ending.output }),
      ...(ending.error === null ? {} : { error: ending.error }),
      usage: ending.usage,
    });
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
            this.#deps.failpoint?.('end-before-commit');
          }),
        clock,
      );
    } catch (error) {
      if (!(error instanceof RunInterruption) || !(await this.#endedBefore(run))) throw error;
    }
    this.#deps.failpoint?.('end-after-commit');
    announce();
    metrics.runs.inc({ agent: run.target_name, status: ending.status });
    this.#onEnd(run, response);
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
