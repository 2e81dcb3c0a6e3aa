import { sql } from 'kysely';
import type { Json } from '../../base/index.ts';
import type { Scope } from '../../protocol/index.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { storeSignal } from './store-signal.ts';

/** Runs told within one transaction. */
const batchSize = 200;

const prefix = 'event:';

/** Under which name of a signal an event reaches the runs that wait for it. */
export function eventSignal(name: string): string {
  return prefix + name;
}

/** True for a name that only events may have. */
export function isEventSignal(name: string): boolean {
  return name.startsWith(prefix);
}

/** What happened, for every run of the tenant that waits for it. */
export interface PublishedEvent {
  /** The same id twice has one effect. */
  readonly id: string;
  readonly name: string;
  readonly payload: Json;
}

/**
 * Tells every run of the tenant that waits for the event, and each of its waits, wherever it is executed: its wait is a row, and the event is
 * stored for it as a signal. Who begins to wait later does not get it. Resolves with the runs that wait for it, and
 * whether jobs were queued.
 */
export async function publishEvent(
  deps: RunEngineDeps,
  scope: Scope,
  event: PublishedEvent,
): Promise<{ readonly delivered: number; readonly woken: boolean }> {
  const name = eventSignal(event.name);
  let delivered = 0;
  let woken = false;
  for (let after = ''; ;) {
    const last = after;
    const runs = await deps.storage.transaction(async (trx) => {
      const { rows } = await sql<{ id: string; root_run_id: string; waits: readonly string[] }>`
        select r.id, r.root_run_id, jsonb_agg(w.step_key order by w.step_key) as waits
        from run_waits w join runs r on r.id = w.run_id
        where w.signal_name = ${name} and r.tenant = ${scope.tenant} and r.status in ('queued', 'running', 'waiting')
          and r.id > ${last}
        group by r.id, r.root_run_id order by r.id limit ${batchSize}`.execute(trx);
      // Rows of roots are locked in one order by all publishers, so that two of them never wait for each other.
      const inOrder = rows.toSorted((one, two) => (one.root_run_id < two.root_run_id ? -1 : 1));
      for (const run of inOrder) {
        // Each wait takes a signal of its own, and all of them hear the event.
        for (const key of run.waits) {
          const id = `${eventSignal(event.id)}:${key}`;
          const signal = { id, name, payload: event.payload, principal: scope.principal };
          const queued = await storeSignal(deps, trx, { id: run.id, rootRunId: run.root_run_id }, signal);
          woken ||= queued;
        }
      }
      return rows;
    });
    delivered += runs.length;
    const end = runs.at(-1);
    if (end === undefined || runs.length < batchSize) return { delivered, woken };
    after = end.id;
  }
}
