import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import type { Figure } from './report.ts';
import { joinPostgresBench, type RunBench } from './run-bench.ts';
import { ServerProcess } from './server-process.ts';

const waitingRuns = 100_000;
const settleMs = 20_000;
const idleMs = 60_000;

/** Runs that wait: for a signal, for a timer in days, and for a child that waits for a signal; a third each. */
async function seed({ storage }: RunBench): Promise<void> {
  const columns = sql`tenant, principal, scopes, target_kind, target_name, definition_hash, status, epoch, worker_id,
    source, input, metadata, waiting_for, deadline_at, created_at, started_at`;
  const values = sql`'default', 'bench', '["admin"]', 'agent', 'bench', 'bench', 'waiting', 1, 'wrk_gone',
    'bench', '"wait"', '{}', '["ask"]', now() + interval '7 days', now() - interval '1 day', now() - interval '1 day'`;
  await sql`
    insert into runs (id, root_run_id, ${columns})
    select 'run_' || n, 'run_' || n, ${values} from generate_series(1, ${waitingRuns}::int) as n`.execute(
    storage.db,
  );
  await sql`
    insert into runs (id, root_run_id, parent_run_id, parent_step_key, depth, ${columns})
    select 'child_' || n, 'run_' || n, 'run_' || n, 'child', 1, ${values}
    from generate_series(1, ${waitingRuns}::int, 3) as n`.execute(storage.db);
  await sql`
    insert into run_waits (run_id, root_run_id, step_key, kind, signal_name, due_at, created_at)
    select case n % 3 when 1 then 'child_' else 'run_' end || n, 'run_' || n, 'ask', case n % 3 when 0 then 'timer' else 'signal' end,
      case n % 3 when 0 then null else 'go' end, case n % 3 when 0 then now() + interval '3 days' end, now()
    from generate_series(1, ${waitingRuns}::int) as n`.execute(storage.db);
  await sql`analyze`.execute(storage.db);
}

interface Idle {
  readonly cpu: number;
  readonly databaseCpu: number | undefined;
  readonly residentMb: number;
}

/** A worker without anything to do: share of a processor in per cent, and memory. */
async function measureIdle(url: string, bench: RunBench): Promise<Idle> {
  const script = path.join(import.meta.dirname, 'run-worker-process.ts');
  const worker = await ServerProcess.start(script, { DATABASE_URL: url });
  await pause(settleMs);
  const before = worker.cpuMs();
  const queriesBefore = await databaseMs(bench);
  await pause(idleMs);
  const cpu = ((worker.cpuMs() - before) / idleMs) * 100;
  const queriesAfter = await databaseMs(bench);
  const residentMb = worker.residentMb();
  await worker.stop();
  const databaseCpu =
    queriesBefore === undefined || queriesAfter === undefined
      ? undefined
      : ((queriesAfter - queriesBefore) / idleMs) * 100;
  return { cpu, databaseCpu, residentMb };
}

/** Time that the server has spent in statements of this database, in ms. */
async function databaseMs({ storage }: RunBench): Promise<number | undefined> {
  await sql`select pg_stat_clear_snapshot()`.execute(storage.db);
  const { rows } = await sql<{ ms: number }>`
    select active_time as ms from pg_stat_database where datname = current_database()`.execute(storage.db);
  return rows[0]?.ms;
}

/** What 100,000 runs that wait cost a server that has nothing else to do. */
export async function measureWaiting(): Promise<readonly Figure[]> {
  const name = `${waitingRuns.toLocaleString('en')} waiting runs`;
  if (!(await postgresAvailable())) return [{ name, value: '–', goal: '', met: undefined }];
  const database = await createTestDatabase();
  const bench = await joinPostgresBench(database.url, { execute: false });
  const empty = await measureIdle(database.url, bench);
  await seed(bench);
  const full = await measureIdle(database.url, bench);
  await bench[Symbol.asyncDispose]();
  await database.drop();
  const cpu = full.cpu - empty.cpu;
  const mb = full.residentMb - empty.residentMb;
  const statements = (full.databaseCpu ?? 0) - (empty.databaseCpu ?? 0);
  return [
    {
      name: `${name}: added processor time of an idle worker`,
      value: `${cpu.toFixed(2)} % (${empty.cpu.toFixed(2)} → ${full.cpu.toFixed(2)})`,
      goal: '≤ 1 %',
      met: cpu <= 1,
    },
    {
      name: `${name}: added time of the database in statements`,
      value: `${statements.toFixed(2)} % (${empty.databaseCpu?.toFixed(2)} → ${full.databaseCpu?.toFixed(2)})`,
      goal: '≤ 1 %',
      met: statements <= 1,
    },
    {
      name: `${name}: added memory of an idle worker`,
      value: `${mb.toFixed(0)} MB (${empty.residentMb.toFixed(0)} → ${full.residentMb.toFixed(0)})`,
      goal: '≤ 20 MB',
      met: mb <= 20,
    },
  ];
}
