import { sql } from 'kysely';
import type { Clock, Json } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { RunActivity } from './activity-monitor.ts';
import { fenced } from './interruptions.ts';
import type { RunJournal } from './journal.ts';
import { waitInputs, type SignalOutcome } from './wait-steps.ts';

interface WaitsOwner {
  readonly runId: string;
  readonly rootRunId: string;
  readonly epoch: number;
  readonly journal: RunJournal;
  readonly activity: RunActivity;
}

/** A promise for an execution that will not go on: the run is executed again when what it waits for has come. */
export function forever<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

/**
 * Waiting that survives the process. What wakes a run is a row; while the run is in memory because something else of
 * it is under way, the same wait is answered in place.
 */
export function createDurableWaits(deps: { storage: Storage; clock: Clock }, owner: WaitsOwner) {
  const { storage, clock } = deps;
  const { runId, rootRunId, epoch, journal, activity } = owner;

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

  /** Takes the oldest signal of the name for this wait, or finds the one it took before: no signal answers two waits. */
  async function takeSignal(key: string, name: string): Promise<SignalOutcome | undefined> {
    // An answered wait is none any more: events that come later are not for it.
    const { rows } = await sql<{ payload: Json }>`
      with taken as (update run_signals set consumed_by = ${key} where id = (
        select id from run_signals
        where run_id = ${runId} and name = ${name} and (consumed_by is null or consumed_by = ${key})
        order by consumed_by is null, created_at, id limit 1 for update)
      returning payload),
      answered as (delete from run_waits where run_id = ${runId} and step_key = ${key} and exists (select 1 from taken))
      select payload from taken`.execute(storage.db);
    return rows[0] === undefined ? undefined : { received: true, payload: rows[0].payload };
  }

  const isPast = (dueAt: Date | null): boolean => dueAt !== null && dueAt.getTime() <= clock.now();

  return {
    async sleep(key: string, milliseconds: number): Promise<void> {
      if (!journal.has(key)) {
        const wanted = new Date(clock.now() + milliseconds);
        let dueAt: Date | null = null;
        await activity.until({ runId, key }, async () => {
          dueAt ??= await storeWait(key, 'timer', null, wanted);
          return isPast(dueAt) ? { value: true } : { dueAt };
        });
      }
      const input = waitInputs.timer(milliseconds);
      await journal.step(key, 'timer', () => Promise.resolve(null), { input });
    },

    async waitForSignal(
      key: string,
      name: string,
      options: { timeoutMs?: number } = {},
    ): Promise<Json | undefined> {
      const { timeoutMs } = options;
      let taken: SignalOutcome = { received: false, payload: null };
      if (!journal.has(key)) {
        const wanted = timeoutMs === undefined ? null : new Date(clock.now() + timeoutMs);
        let stored: { readonly dueAt: Date | null } | undefined;
        taken = await activity.until<SignalOutcome>({ runId, key }, async () => {
          const early = stored === undefined ? await takeSignal(key, name) : undefined;
          if (early !== undefined) return { value: early };
          stored ??= { dueAt: await storeWait(key, 'signal', name, wanted) };
          const due = isPast(stored.dueAt);
          const found = await takeSignal(key, name);
          if (found !== undefined) return { value: found };
          return due ? { value: taken } : stored;
        });
      }
      const outcome = await journal.step<SignalOutcome>(key, 'signal', () => Promise.resolve(taken), {
        input: waitInputs.signal(name, timeoutMs),
        name,
      });
      return outcome.received ? outcome.payload : undefined;
    },
  };
}
