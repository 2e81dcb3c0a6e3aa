import { sql } from 'kysely';
import type { Clock, Json } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { ActivityMonitor } from './activity-monitor.ts';
import { fenced } from './interruptions.ts';
import type { RunJournal } from './journal.ts';

interface WaitsOwner {
  readonly runId: string;
  readonly rootRunId: string;
  readonly epoch: number;
  readonly journal: RunJournal;
  readonly monitor: ActivityMonitor;
}

interface SignalOutcome {
  readonly received: boolean;
  readonly payload: Json;
  readonly [key: string]: Json;
}

/** A promise for an execution that will not go on: the run is executed again when what it waits for has come. */
export function forever<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

/** Waiting that survives the process: what wakes a run is a row, not a timer in memory. */
export function createDurableWaits(deps: { storage: Storage; clock: Clock }, owner: WaitsOwner) {
  const { storage, clock } = deps;
  const { runId, rootRunId, epoch, journal, monitor } = owner;

  /** Stores the wait, or finds the one of an earlier execution; returns when it is due. */
  async function storeWait(
    key: string,
    kind: 'timer' | 'signal',
    signalName: string | null,
    dueAt: Date | null,
  ): Promise<Date | null> {
    const { rows } = await sql<{ due_at: Date | null }>`
      with held as (select 1 from runs where id = ${runId} and epoch = ${epoch} and status = 'running' for share)
      insert into run_waits as w (run_id, root_run_id, step_key, kind, signal_name, due_at, created_at)
      select ${runId}, ${rootRunId}, ${key}, ${kind}, ${signalName}, ${dueAt}::timestamptz, ${new Date(clock.now())}::timestamptz from held
      on conflict (run_id, step_key) do update set kind = w.kind
      returning due_at`.execute(storage.db);
    const row = rows[0];
    if (row === undefined) throw fenced(runId);
    return row.due_at;
  }

  async function findSignal(key: string, name: string): Promise<{ id: string; payload: Json } | undefined> {
    return storage.db
      .selectFrom('run_signals')
      .select(['id', 'payload'])
      .where('run_id', '=', runId)
      .where('name', '=', name)
      .where((expression) =>
        expression.or([expression('consumed_by', 'is', null), expression('consumed_by', '=', key)]),
      )
      .orderBy('created_at')
      .orderBy('id')
      .limit(1)
      .executeTakeFirst();
  }

  return {
    async sleep(key: string, milliseconds: number): Promise<void> {
      const input = { milliseconds };
      if (!journal.has(key)) {
        const due = await storeWait(key, 'timer', null, new Date(clock.now() + milliseconds));
        if (due !== null && due.getTime() > clock.now()) {
          monitor.waitFor([{ runId, key }]);
          return forever();
        }
      }
      await journal.step(key, 'timer', () => Promise.resolve(null), { input });
      return undefined;
    },

    async waitForSignal(
      key: string,
      name: string,
      options: { timeoutMs?: number } = {},
    ): Promise<Json | undefined> {
      const input = { name, timeoutMs: options.timeoutMs ?? null };
      let found: { id: string; payload: Json } | undefined;
      if (!journal.has(key)) {
        found = await findSignal(key, name);
        if (found === undefined) {
          const timeoutMs = options.timeoutMs;
          const due = await storeWait(
            key,
            'signal',
            name,
            timeoutMs === undefined ? null : new Date(clock.now() + timeoutMs),
          );
          if (due === null || due.getTime() > clock.now()) {
            monitor.waitFor([{ runId, key }]);
            return forever();
          }
        }
      }
      const outcome = await journal.step<SignalOutcome>(
        key,
        'signal',
        async () => {
          if (found === undefined) return { received: false, payload: null };
          await storage.db
            .updateTable('run_signals')
            .set({ consumed_by: key })
            .where('id', '=', found.id)
            .execute();
          return { received: true, payload: found.payload };
        },
        { input, name },
      );
      return outcome.received ? outcome.payload : undefined;
    },
  };
}
