import { hostname } from 'node:os';
import { sql } from 'kysely';
import { isProcessRunning, type Service } from '../../base/index.ts';
import type { Executor } from '../../platform/storage/index.ts';
import type { RunEngineDeps } from './engine-deps.ts';

interface RunningRow {
  readonly id: string;
  readonly job_id: string | null;
  readonly cancel_requested_at: Date | null;
  readonly is_own: boolean;
}

/**
 * Shows that this worker lives, and gives back what dead ones held. A worker is dead when its heartbeat is older than
 * the lease by the database's own clock; with the embedded database, whose folder is locked, every other one is.
 */
export class WorkerLease implements Service {
  readonly name = 'worker-lease';
  readonly #deps: RunEngineDeps;
  readonly #workerId: string;
  readonly #activeRootIds: () => readonly string[];
  readonly #onLost: (runId: string) => void;
  readonly #onReleased: () => void;
  readonly #onCancelRequested: (runId: string) => void;
  #cancel: (() => void) | undefined;
  #busy = false;
  /** Own runs in the database that nothing here executes, seen at the last look. */
  #orphans = new Set<string>();
  /** Runs that are executed here and another worker's in the database, seen at the last look. */
  #strangers = new Set<string>();

  constructor(
    deps: RunEngineDeps,
    parts: {
      workerId: string;
      activeRootIds: () => readonly string[];
      /** A run that is executed here is another worker's: this process was away for longer than the lease. */
      onLost: (runId: string) => void;
      onReleased: () => void;
      onCancelRequested: (runId: string) => void;
    },
  ) {
    this.#deps = deps;
    this.#workerId = parts.workerId;
    this.#activeRootIds = parts.activeRootIds;
    this.#onLost = parts.onLost;
    this.#onReleased = parts.onReleased;
    this.#onCancelRequested = parts.onCancelRequested;
  }

  async start(): Promise<void> {
    if (this.#cancel !== undefined) return;
    const { settings } = this.#deps;
    await this.#forgetDead();
    await this.#releaseStranded();
    this.#cancel = this.#deps.clock.every(settings.leaseMs / 3, () => void this.#beat());
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#deps.storage.db.deleteFrom('workers').where('id', '=', this.#workerId).execute();
  }

  async #beat(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#releaseStranded();
    } catch (error) {
      this.#deps.logger.debug({ error }, 'heartbeat not written');
    } finally {
      this.#busy = false;
    }
  }

  /** Workers of this host whose process is gone need no lease to expire. */
  async #forgetDead(): Promise<void> {
    const { storage } = this.#deps;
    if (storage.kind === 'pglite') {
      await storage.db.deleteFrom('workers').where('id', '!=', this.#workerId).execute();
      return;
    }
    const here = await storage.db
      .selectFrom('workers')
      .select(['id', 'pid'])
      .where('host', '=', hostname())
      .execute();
    const dead = here
      .filter((worker) => worker.id !== this.#workerId && !isProcessRunning(worker.pid))
      .map((worker) => worker.id);
    if (dead.length > 0) await storage.db.deleteFrom('workers').where('id', 'in', dead).execute();
  }

  /** Shows that this worker lives, and gives back the jobs of runs that nobody executes. */
  async #releaseStranded(): Promise<void> {
    const { queue, logger } = this.#deps;
    const { stranded, own } = await this.#beatAndLook();
    const orphans = this.#ownOrphans(own);
    // The queue finds out by its own leases too, at about the same time: whoever has taken over since is left alone.
    const confirm = async (trx: Executor): Promise<readonly string[]> => {
      const { rows } = await sql<RunningRow>`select job_id from runs r where ${this.#isStranded}`.execute(
        trx,
      );
      return [...jobsOf(rows), ...orphans];
    };
    const released = await queue.release('runs', [...stranded, ...orphans], confirm);
    if (released > 0) {
      logger.info({ released }, 'runs of an ended execution go on');
      this.#onReleased();
    }
  }

  /** The heartbeat, jobs of runs that dead workers hold, and the runs that are this worker's: in one statement. */
  async #beatAndLook(): Promise<{
    readonly stranded: readonly string[];
    readonly own: readonly RunningRow[];
  }> {
    const { storage, settings } = this.#deps;
    const { execute, concurrency, roles, version } = settings;
    const { rows } = await sql<RunningRow>`
      with beat as (
        insert into workers (id, host, pid, roles, version, concurrency, started_at, heartbeat_at)
        values (${this.#workerId}, ${hostname()}, ${process.pid}, ${JSON.stringify(roles)}::jsonb, ${version},
          ${execute ? concurrency : null}::int, now(), now())
        on conflict (id) do update set heartbeat_at = excluded.heartbeat_at
      )
      (select id, job_id, cancel_requested_at, true as is_own from runs
        where status = 'running' and parent_run_id is null and worker_id = ${this.#workerId})
      union all
      (select id, job_id, cancel_requested_at, false as is_own from runs r where ${this.#isStranded} limit 500)`.execute(
      storage.db,
    );
    return { stranded: jobsOf(rows.filter((row) => !row.is_own)), own: rows.filter((row) => row.is_own) };
  }

  /** Of a row `r` of runs: a dead worker holds it. */
  get #isStranded() {
    return sql`r.status = 'running' and r.parent_run_id is null and r.job_id is not null and r.worker_id <> ${this.#workerId}
      and not exists (select 1 from workers w where w.id = r.worker_id
        and w.heartbeat_at > now() - make_interval(secs => ${this.#deps.settings.leaseMs / 1000}::float8))`;
  }

  /** Jobs of runs that are this worker's in the database while nothing here executes them: two looks in a row. */
  #ownOrphans(mine: readonly RunningRow[]): readonly string[] {
    const active = new Set(this.#activeRootIds());
    const own = new Set(mine.map((row) => row.id));
    const strange = [...active].filter((runId) => !own.has(runId));
    // Its writes are refused anyway; this ends what it does outside. One that is about to end passes the first look.
    for (const runId of strange) if (this.#strangers.has(runId)) this.#onLost(runId);
    this.#strangers = new Set(strange);
    // A cancel is told by notification; this finds those whose notification got lost.
    for (const row of mine) if (row.cancel_requested_at !== null) this.#onCancelRequested(row.id);
    const idle = mine.filter((row) => !active.has(row.id));
    const seenTwice = idle.filter((row) => this.#orphans.has(row.id));
    this.#orphans = new Set(idle.map((row) => row.id));
    return jobsOf(seenTwice);
  }
}

function jobsOf(rows: readonly RunningRow[]): readonly string[] {
  return rows.flatMap(({ job_id: jobId }) => (jobId === null ? [] : [jobId]));
}
