import { sql } from 'kysely';
import type { Storage } from '../../platform/storage/index.ts';

/** A process of this installation as it is shown. Times are ISO 8601, by the database's clock. */
export interface WorkerView {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** What it does; empty where it only accepts requests. */
  readonly roles: readonly string[];
  readonly version: string | null;
  /** Runs side by side at most; `null` where it executes none. */
  readonly concurrency: number | null;
  readonly activeRuns: number;
  /** False when its heartbeat is older than the lease. */
  readonly isAlive: boolean;
  readonly startedAt: string;
  readonly heartbeatAt: string;
  readonly heartbeatAgeMs: number;
}

interface WorkerRow {
  id: string;
  host: string;
  pid: number;
  roles: readonly string[];
  version: string | null;
  concurrency: number | null;
  active_runs: number;
  started_at: Date;
  heartbeat_at: Date;
  age_ms: number;
}

/** The processes that have shown themselves, the oldest first. */
export function createWorkerList(deps: { storage: Storage; leaseMs: number }) {
  return {
    async list(): Promise<readonly WorkerView[]> {
      const { rows } = await sql<WorkerRow>`
        select w.id, w.host, w.pid, w.roles, w.version, w.concurrency, w.started_at, w.heartbeat_at,
          greatest(0, extract(epoch from now() - w.heartbeat_at) * 1000)::float8 as age_ms,
          (select count(*) from runs r where r.worker_id = w.id and r.status = 'running' and r.parent_run_id is null)::int
            as active_runs
        from workers w order by w.started_at, w.id`.execute(deps.storage.db);
      return rows.map((row) => ({
        id: row.id,
        host: row.host,
        pid: row.pid,
        roles: row.roles,
        version: row.version,
        concurrency: row.concurrency,
        activeRuns: row.active_runs,
        isAlive: row.age_ms <= deps.leaseMs,
        startedAt: row.started_at.toISOString(),
        heartbeatAt: row.heartbeat_at.toISOString(),
        heartbeatAgeMs: Math.round(row.age_ms),
      }));
    },
  };
}
