import { sql } from 'kysely';
import { AppError, type Service } from '../../base/index.ts';
import { createJobId } from '../../platform/queue/index.ts';
import { cancelOrphans, sweepApprovals } from './approvals/approval-sweeper.ts';
import { BlobRetention } from './blob-retention.ts';
import { endFromOutside } from './end-from-outside.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import type { RunEventLog } from './run-event-log.ts';
import type { OnRunEnd } from './run-worker.ts';
import { queueKey } from './submit-request.ts';
import { wakeRun } from './suspend-run.ts';

const dueIntervalMs = 1000;
const slowIntervalMs = 30_000;
const batchSize = 200;
/** The time of people does not count. */
const waitsForNobody = sql<boolean>`(time_left_ms is null or not exists (
  select from approvals a where a.root_run_id = runs.root_run_id and a.status = 'pending'))`;

interface UnfinishedRun {
  id: string;
  job_id: string | null;
  session_id: string | null;
  created_at: Date;
}

/** Does what only time brings: wakes due waits, ends what is past its deadline, finds lost jobs, forgets the old. */
export class RunSweeper implements Service {
  readonly name = 'run-sweeper';
  readonly #deps: RunEngineDeps;
  readonly #parts: { readonly events: RunEventLog; readonly onEnd: OnRunEnd; readonly wake: () => void };
  readonly #retention: BlobRetention;
  #cancels: (() => void)[] = [];
  #underWay: Promise<void> | undefined;

  constructor(deps: RunEngineDeps, parts: { events: RunEventLog; onEnd: OnRunEnd; wake: () => void }) {
    this.#deps = deps;
    this.#parts = parts;
    this.#retention = new BlobRetention(deps);
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

  /** Wakes runs whose wait is due, does what is due for approvals, ends waiting or queued runs past their deadline. */
  async sweepDue(): Promise<void> {
    const { storage, clock } = this.#deps;
    const now = new Date(clock.now());
    if (!(await this.#isAnythingDue(now))) return;
    const due = await sql<{ id: string }>`
      select distinct r.id from run_waits w join runs r on r.id = w.root_run_id
      where w.due_at <= ${now}::timestamptz and r.status = 'waiting' limit ${batchSize}`.execute(storage.db);
    for (const { id } of due.rows) {
      await storage.transaction((trx) => wakeRun(this.#deps, trx, id));
      this.#parts.wake();
    }
    if (await sweepApprovals(this.#deps)) this.#parts.wake();
    const late = await storage.db
      .selectFrom('runs')
      .select('id')
      .where('status', 'in', ['queued', 'waiting'])
      .where('ended_at', 'is', null)
      .where('deadline_at', '<=', now)
      .where(waitsForNobody)
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
      this.#parts.wake();
    }
  }

  /** One look a second for all of it: mostly there is nothing. */
  async #isAnythingDue(now: Date): Promise<boolean> {
    const due = sql`<= ${now}::timestamptz`;
    const { rows } = await sql<{ due: boolean }>`
      select exists (select 1 from run_waits w join runs r on r.id = w.root_run_id
          where w.due_at ${due} and r.status = 'waiting')
        or exists (select 1 from approvals where status = 'pending' and deadline_at ${due})
        or exists (select 1 from approvals where status = 'pending' and escalate_at ${due})
        or exists (select 1 from approvals where status = 'pending' and remind_at ${due})
        or exists (select 1 from runs where status in ('queued', 'waiting') and ended_at is null and deadline_at ${due})
        as due`.execute(this.#deps.storage.db);
    return rows[0]?.due === true;
  }

  /** Queues unfinished runs whose job is gone, measures the oldest unanswered request, deletes what is past retention. */
  async sweepSlow(): Promise<void> {
    const { storage, queue, clock, metrics, settings, logger } = this.#deps;
    const now = clock.now();
    const unfinished = await this.#unfinished(new Date(now - slowIntervalMs));
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
    await cancelOrphans(this.#deps);
    const before = new Date(now - settings.retentionMs);
    const deleted = await this.#retention.deleteRuns(before, batchSize);
    if (deleted > 0) logger.info({ deleted }, 'runs past their retention were deleted');
    await this.#retention.sweepOrphans();
  }

  /** Root runs that should have a job, oldest first. Each half has an index of its own: waiting runs are not looked at. */
  async #unfinished(createdBefore: Date): Promise<readonly UnfinishedRun[]> {
    const { rows } = await sql<UnfinishedRun>`
      select * from (
        (select id, job_id, session_id, created_at from runs
          where status = 'queued' and parent_run_id is null and created_at < ${createdBefore}::timestamptz
          order by created_at limit ${batchSize})
        union all
        (select id, job_id, session_id, created_at from runs
          where status = 'running' and parent_run_id is null and created_at < ${createdBefore}::timestamptz
          order by created_at limit ${batchSize})
      ) as unfinished order by created_at limit ${batchSize}`.execute(this.#deps.storage.db);
    return rows;
  }
}
