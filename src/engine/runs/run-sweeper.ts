import { sql } from 'kysely';
import { AppError, type Service } from '../../base/index.ts';
import { createJobId } from '../../platform/queue/index.ts';
import { endFromOutside } from './end-from-outside.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import type { RunEventLog } from './run-event-log.ts';
import type { OnRunEnd } from './run-worker.ts';
import { queueKey } from './submit-request.ts';
import { wakeRun } from './suspend-run.ts';

const dueIntervalMs = 1000;
const slowIntervalMs = 30_000;
const batchSize = 200;

/** Does what only time brings: wakes due waits, ends what is past its deadline, finds lost jobs, forgets the old. */
export class RunSweeper implements Service {
  readonly name = 'run-sweeper';
  readonly #deps: RunEngineDeps;
  readonly #parts: { readonly events: RunEventLog; readonly onEnd: OnRunEnd; readonly wake: () => void };
  #cancels: (() => void)[] = [];
  #underWay: Promise<void> | undefined;

  constructor(deps: RunEngineDeps, parts: { events: RunEventLog; onEnd: OnRunEnd; wake: () => void }) {
    this.#deps = deps;
    this.#parts = parts;
  }

  start(): Promise<void> {
    if (this.#cancels.length === 0) {
      const { clock } = this.#deps;
      this.#cancels = [
        clock.every(dueIntervalMs, () => this.#begin(() => this.sweepDue())),
        clock.every(slowIntervalMs, () => this.#begin(() => this.sweepSlow())),
      ];
    }
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
    await this.#underWay;
  }

  #begin(sweep: () => Promise<void>): void {
    this.#underWay ??= sweep()
      .catch((error: unknown) => this.#deps.logger.debug({ error }, 'sweep not finished'))
      .finally(() => {
        this.#underWay = undefined;
      });
  }

  /** Wakes runs whose wait is due and ends waiting or queued ones past their deadline. */
  async sweepDue(): Promise<void> {
    const { storage, clock } = this.#deps;
    const now = new Date(clock.now());
    const due = await sql<{ id: string }>`
      select distinct r.id from run_waits w join runs r on r.id = w.root_run_id
      where w.due_at <= ${now}::timestamptz and r.status = 'waiting' limit ${batchSize}`.execute(storage.db);
    for (const { id } of due.rows) {
      await storage.transaction((trx) => wakeRun(this.#deps, trx, id));
      this.#parts.wake();
    }
    const late = await storage.db
      .selectFrom('runs')
      .select('id')
      .where('status', 'in', ['queued', 'waiting'])
      .where('parent_run_id', 'is', null)
      .where('deadline_at', '<=', now)
      .limit(batchSize)
      .execute();
    for (const { id } of late) {
      await endFromOutside(
        this.#deps,
        this.#parts,
        id,
        'timeout',
        new AppError('timeout', 'the run did not finish before its deadline'),
      );
    }
  }

  /** Queues unfinished runs whose job is gone, measures the oldest unanswered request, deletes what is past retention. */
  async sweepSlow(): Promise<void> {
    const { storage, queue, clock, metrics, settings, logger } = this.#deps;
    const now = clock.now();
    const unfinished = await storage.db
      .selectFrom('runs')
      .select(['id', 'job_id', 'session_id', 'created_at'])
      .where('status', 'in', ['queued', 'running'])
      .where('parent_run_id', 'is', null)
      .where('created_at', '<', new Date(now - slowIntervalMs))
      .orderBy('created_at')
      .limit(batchSize)
      .execute();
    metrics.oldestRequestAge.set(
      unfinished[0] === undefined ? 0 : (now - unfinished[0].created_at.getTime()) / 1000,
    );
    const pending = await queue.pending(
      'runs',
      unfinished.map((run) => run.job_id ?? '').filter((id) => id !== ''),
    );
    for (const run of unfinished) {
      if (run.job_id !== null && pending.has(run.job_id)) continue;
      const jobId = createJobId(now);
      await storage.transaction(async (trx) => {
        const claimed = await trx
          .updateTable('runs')
          .set({ job_id: jobId, status: 'queued' })
          .where('id', '=', run.id)
          .where('status', 'in', ['queued', 'running'])
          .where('job_id', 'is not distinct from', run.job_id)
          .executeTakeFirst();
        if (claimed.numUpdatedRows !== 1n) return;
        await queue.send(
          'runs',
          { id: jobId, payload: { runId: run.id }, key: queueKey(run.id, run.session_id) },
          trx,
        );
      });
      logger.warn({ runId: run.id }, 'accepted run had lost its job and was queued again');
      this.#parts.wake();
    }
    const before = new Date(now - settings.retentionMs);
    const old = await sql`
      with old as (select id from runs where ended_at < ${before}::timestamptz and parent_run_id is null
          and not exists (select 1 from outbox o where o.run_id = runs.id and o.status in ('queued', 'sending'))
          limit ${batchSize}),
        gone as (delete from inbox i using old where i.run_id = old.id),
        answered as (delete from outbox o using old where o.run_id = old.id)
      delete from runs r using old where r.root_run_id = old.id`.execute(storage.db);
    const deleted = Number(old.numAffectedRows ?? 0n);
    if (deleted > 0) logger.info({ deleted }, 'runs past their retention were deleted');
  }
}
