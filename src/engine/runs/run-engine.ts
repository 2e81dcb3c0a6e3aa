import { AppError, type HealthReport, type Json, type Service } from '../../base/index.ts';
import type { Subscription } from '../../platform/storage/index.ts';
import {
  isFinal,
  type AgentRequest,
  type AgentResponse,
  type Scope,
  type StoredRunEvent,
} from '../../protocol/index.ts';
import { createApprovalService, type ApprovalService } from './approvals/approval-service.ts';
import { approvalSignal } from './approvals/approval-subject.ts';
import { DefinitionSnapshots } from './definition-snapshots.ts';
import { endFromOutside } from './end-from-outside.ts';
import type { RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { fenced } from './interruptions.ts';
import { isEventSignal, publishEvent, type PublishedEvent } from './publish-event.ts';
import { ResponseWaiters } from './response-waiters.ts';
import type {
  BatchItem,
  BatchOutcome,
  BatchSubmitter,
  RunService,
  RunStarter,
  SubmittedRun,
} from './run-context.ts';
import { RunEventLog, runsChannel } from './run-event-log.ts';
import { RunSweeper } from './run-sweeper.ts';
import { RunWorker } from './run-worker.ts';
import { submitBatch, type WithinBatch } from './submit-batch.ts';
import { GroupedSubmitter } from './submit-grouped.ts';
import { submitRequest, type KnownSnapshots, type WithinSubmit } from './submit-request.ts';
import { storeSignal } from './store-signal.ts';
import { signalledRun } from './suspend-run.ts';
import { watchRunTree } from './watch-run-tree.ts';
import { WorkerLease } from './worker-lease.ts';

function cancelled(): AppError {
  return new AppError('cancelled', 'the run was cancelled');
}

/** Runs: accepted, executed, watched, ended. The one door behind all entrypoints. */
export class RunEngine implements RunService, RunStarter, BatchSubmitter, Service {
  readonly name = 'runs';
  readonly approvals: ApprovalService;
  readonly #deps: RunEngineDeps;
  readonly #events: RunEventLog;
  readonly #waiters: ResponseWaiters;
  readonly #worker: RunWorker;
  readonly #lease: WorkerLease;
  readonly #sweeper: RunSweeper;
  readonly #known: KnownSnapshots = new Set();
  readonly #submitter: GroupedSubmitter;
  #subscription: Subscription | undefined;
  #accepting = false;

  constructor(deps: RunEngineDeps) {
    this.#deps = deps;
    this.#events = new RunEventLog(deps);
    this.#waiters = new ResponseWaiters(deps);
    this.#submitter = new GroupedSubmitter(deps, this.#known);
    const workerId = deps.ids('wrk');
    const onEnd = this.#onEnd;
    const wake = (): void => this.#worker.wake();
    this.#worker = new RunWorker(deps, {
      workerId,
      events: this.#events,
      snapshots: new DefinitionSnapshots(deps.storage),
      onEnd,
    });
    this.#lease = new WorkerLease(deps, {
      workerId,
      activeRootIds: () => this.#worker.activeRootIds,
      onLost: (runId) => void this.#worker.abort(runId, fenced(runId)),
      onReleased: wake,
      onCancelRequested: (runId) => this.#abortCancelled(runId),
    });
    this.approvals = createApprovalService(deps, wake);
    this.#sweeper = new RunSweeper(deps, { events: this.#events, onEnd, wake });
  }

  async start(): Promise<void> {
    if (this.#accepting) return;
    const { storage, settings } = this.#deps;
    this.#subscription = await storage.listen(
      runsChannel,
      (runId) => this.#changed(runId),
      () => this.#changed(undefined),
    );
    // Also where nothing is executed: the process shows itself, and gives back what dead ones held.
    await this.#lease.start();
    if (settings.execute) {
      await this.#worker.start();
      await this.#sweeper.start();
    }
    this.#accepting = true;
  }

  async stop(): Promise<void> {
    if (!this.#accepting) return;
    this.#accepting = false;
    await this.#sweeper.stop();
    await this.#worker.stop();
    await this.#lease.stop();
    await this.#subscription?.close();
    this.#subscription = undefined;
  }

  health(): Promise<HealthReport> {
    const active = this.#worker.activeRunIds.length;
    return Promise.resolve({ status: this.#accepting ? 'ok' : 'down', metrics: { active } });
  }

  async submit(scope: Scope, request: AgentRequest): Promise<SubmittedRun> {
    this.#assertAccepting();
    const submitted = await this.#submitter.submit(scope, request);
    this.#submitted(scope, submitted);
    return submitted;
  }

  async submitWithin(
    scope: Scope,
    request: AgentRequest,
    within: WithinSubmit,
  ): Promise<SubmittedRun | undefined> {
    this.#assertAccepting();
    const submitted = await submitRequest(this.#deps, this.#known, scope, request, within);
    if (submitted !== undefined) this.#submitted(scope, submitted);
    return submitted;
  }

  async submitBatch(
    items: readonly BatchItem[],
    within?: WithinBatch,
  ): Promise<readonly BatchOutcome[] | undefined> {
    this.#assertAccepting();
    const outcomes = await submitBatch(this.#deps, this.#known, items, within);
    if (outcomes?.some(({ outcome }) => outcome === 'submitted')) this.#worker.wake();
    return outcomes;
  }

  #assertAccepting(): void {
    if (!this.#accepting)
      throw new AppError('not_ready', 'the server is starting or stopping; try again in a moment');
  }

  #submitted({ tenant }: Scope, { runId, duplicate }: SubmittedRun): void {
    if (duplicate) return;
    this.#waiters.submitted(runId, tenant);
    this.#worker.wake();
  }

  /** Look for queued runs now: somebody else in this process has queued one. */
  wake(): void {
    this.#worker.wake();
  }

  response(scope: Scope, runId: string, options: { signal: AbortSignal }): Promise<AgentResponse> {
    return this.#waiters.wait(scope, runId, options.signal);
  }

  async *events(
    scope: Scope,
    runId: string,
    options: { after: number; signal: AbortSignal },
  ): AsyncGenerator<StoredRunEvent> {
    // Whoever has just submitted a run and watches it needs no look into the database.
    const isFresh = this.#waiters.isOwn(runId, scope.tenant);
    if (!isFresh) await this.#find(scope, runId);
    yield* this.#events.watch(runId, { ...options, isFresh });
  }

  async *treeEvents(
    scope: Scope,
    runId: string,
    options: { after: ReadonlyMap<string, number>; signal: AbortSignal },
  ): AsyncGenerator<StoredRunEvent> {
    await this.#find(scope, runId);
    yield* watchRunTree({ ...this.#deps, events: this.#events }, runId, options);
  }

  async cancel(scope: Scope, runId: string): Promise<void> {
    const run = await this.#find(scope, runId);
    if (isFinal(run.status))
      throw new AppError('conflict', `run "${runId}" has already ended as ${run.status}`);
    await this.#deps.storage.db
      .updateTable('runs')
      .set({ cancel_requested_at: new Date(this.#deps.clock.now()) })
      .where('id', '=', runId)
      .execute();
    if (this.#abortCancelled(runId)) return;
    const parts = { events: this.#events, onEnd: this.#onEnd };
    if (await endFromOutside(this.#deps, parts, runId, 'cancelled', cancelled())) {
      this.#worker.wake();
      return;
    }
    // Taken by a worker in the meantime, here or in another process: that one has to stop it.
    if (!this.#abortCancelled(runId)) {
      await this.#deps.storage.notify(this.#deps.storage.db, runsChannel, `cancel:${runId}`);
    }
  }

  async signal(
    scope: Scope,
    runId: string,
    signal: { id: string; name: string; payload: Json },
  ): Promise<void> {
    if (signal.name.startsWith(approvalSignal('')))
      throw new AppError('invalid_request', 'name: an approval is decided, not signalled');
    if (isEventSignal(signal.name))
      throw new AppError('invalid_request', 'name: an event is published, not signalled');
    const run = await this.#find(scope, runId);
    if (isFinal(run.status))
      throw new AppError('conflict', `run "${runId}" has already ended as ${run.status}`);
    const woken = await this.#deps.storage.transaction((trx) =>
      storeSignal(
        this.#deps,
        trx,
        { id: runId, rootRunId: run.root_run_id },
        { ...signal, principal: scope.principal },
      ),
    );
    if (woken) this.#worker.wake();
  }

  /** Tells every run of the tenant that waits for an event; resolves with their number. */
  async publishEvent(scope: Scope, event: PublishedEvent): Promise<number> {
    const { delivered, woken } = await publishEvent(this.#deps, scope, event);
    if (woken) this.#worker.wake();
    return delivered;
  }

  readonly #onEnd = (run: RunRow, response: AgentResponse | undefined): void => {
    if (response !== undefined) this.#waiters.ended(run.tenant, response);
  };

  #abortCancelled(runId: string): boolean {
    return this.#worker.abort(runId, cancelled());
  }

  #changed(payload: string | undefined): void {
    if (payload?.startsWith('cancel:')) {
      this.#abortCancelled(payload.slice('cancel:'.length));
      return;
    }
    const signalled = signalledRun(payload);
    if (signalled !== undefined || payload === undefined) this.#worker.signalled(signalled);
    if (signalled !== undefined) return;
    this.#events.changed(payload);
    this.#waiters.changed(payload);
  }

  async #find(scope: Scope, runId: string): Promise<Pick<RunRow, 'status' | 'root_run_id'>> {
    const run = await this.#deps.storage.db
      .selectFrom('runs')
      .select(['status', 'root_run_id'])
      .where('id', '=', runId)
      .where('tenant', '=', scope.tenant)
      .executeTakeFirst();
    if (run === undefined) throw new AppError('not_found', `there is no run "${runId}"`);
    return run;
  }
}
