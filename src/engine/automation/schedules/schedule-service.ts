import { sql } from 'kysely';
import { AppError } from '../../../base/index.ts';
import type { DefinitionOf, Scope } from '../../../protocol/index.ts';
import type { DefinitionStore, StoredDefinition } from '../../definitions/index.ts';
import { decodeCursor, encodeCursor, type Page } from '../../runs/index.ts';
import { announcingStore } from '../announcing-store.ts';
import { automationChannel, type AutomationDeps } from '../automation-deps.ts';
import { automationScope } from '../start-request.ts';
import { requestOfSlot } from './fire-slot.ts';
import { jitterOf } from './jitter.ts';
import { timingHashOf } from './schedule-directory.ts';
import { beginRecords, readRecords, writeSlot } from './schedule-records.ts';
import { slotTimesOf } from './slot-times.ts';

type StoredSchedule = StoredDefinition<DefinitionOf<'Schedule'>>;

/** How a schedule stands. Times are ISO 8601. */
export interface ScheduleStatus {
  readonly paused: { readonly at: string; readonly by: string } | null;
  /** The next moments at which it starts something, jitter included; empty while disabled or paused. */
  readonly next: readonly string[];
  /** Slots that wait for the run of an earlier one. */
  readonly queued: number;
}

/** What became of a slot. */
export interface SlotView {
  readonly slot: string;
  readonly outcome: 'fired' | 'skipped' | 'queued' | 'failed';
  readonly reason: string | null;
  readonly runId: string | null;
  /** How many slots this stands for: from `slot` to `lastSlot`. */
  readonly slots: number;
  readonly lastSlot: string;
  readonly decidedAt: string;
}

/** Schedules as people handle them. Error of each: `not_found` with the nearest name. */
export interface ScheduleService {
  readonly store: DefinitionStore<'Schedule'>;
  status(scope: Scope, schedule: StoredSchedule, upcoming?: number): Promise<ScheduleStatus>;
  /** Starts it now, beside its slots. Errors: those of starting a run. */
  trigger(scope: Scope, name: string): Promise<{ runId: string }>;
  /** Slots pass unused until it is resumed; what is under way goes on. */
  pause(scope: Scope, name: string): Promise<void>;
  resume(scope: Scope, name: string): Promise<void>;
  /** The newest first. */
  slots(
    scope: Scope,
    name: string,
    query: { limit: number; cursor?: string; outcome?: SlotView['outcome'] },
  ): Promise<Page<SlotView>>;
}

interface SlotRow {
  slot: Date;
  outcome: SlotView['outcome'];
  reason: string | null;
  run_id: string | null;
  slots: number;
  last_slot: Date | null;
  decided_at: Date;
}

/** `onChange` is told of what this process changes itself, before the database tells it. */
export function createScheduleService(
  deps: AutomationDeps & { readonly store: DefinitionStore<'Schedule'> },
  onChange: () => void = () => {},
): ScheduleService {
  const { storage, clock, runs } = deps;
  const store = announcingStore(deps.store, storage, 'schedules');
  const keyOf = (scope: Scope, name: string) => ({ tenant: scope.tenant, name });

  async function setPaused(scope: Scope, name: string, paused: boolean): Promise<void> {
    const { definition, origin, updatedAt } = await store.get(scope, name);
    const now = clock.now();
    const since = origin.kind === 'api' ? Date.parse(updatedAt) : now;
    await beginRecords(storage.db, [
      { ...keyOf(scope, name), timingHash: timingHashOf(definition.spec), since },
    ]);
    await storage.transaction(async (trx) => {
      const at = paused ? new Date(now) : null;
      await sql`
        update schedule_state set paused_at = ${at}::timestamptz, paused_by = ${paused ? scope.principal : null}
        where tenant = ${scope.tenant} and name = ${name} and (paused_at is null) = ${paused}`.execute(trx);
      await storage.notify(trx, automationChannel, 'schedules');
    });
    onChange();
  }

  return {
    store: {
      ...store,
      async delete(scope, name) {
        await store.delete(scope, name);
        // What is made again under the name is a new schedule.
        await storage.db
          .deleteFrom('schedule_state')
          .where('tenant', '=', scope.tenant)
          .where('name', '=', name)
          .execute();
        onChange();
      },
    },
    async status(scope, { definition }, upcoming = 5) {
      const { spec, metadata } = definition;
      const [record] = await readRecords(storage.db, keyOf(scope, metadata.name));
      const { rows } = await sql<{ count: number }>`
        select count(*)::int as count from schedule_slots
        where tenant = ${scope.tenant} and schedule = ${metadata.name} and outcome = 'queued'`.execute(
        storage.db,
      );
      const next: string[] = [];
      if (spec.enabled && (record?.pausedAt ?? null) === null) {
        const times = slotTimesOf(spec);
        let slot = times.after(Math.max(clock.now(), record?.decidedUntil ?? 0));
        for (; slot !== undefined && next.length < upcoming; slot = times.after(slot))
          next.push(new Date(slot + jitterOf(spec.jitter, metadata.name, slot)).toISOString());
      }
      return {
        paused:
          record === undefined || record.pausedAt === null
            ? null
            : { at: new Date(record.pausedAt).toISOString(), by: record.pausedBy ?? '' },
        next,
        queued: rows[0]?.count ?? 0,
      };
    },
    async trigger(scope, name) {
      const { definition } = await store.get(scope, name);
      const { spec } = definition;
      const now = clock.now();
      const request = await requestOfSlot(deps, { name, spec }, now);
      const by = { ...request, metadata: { ...request.metadata, triggered_by: scope.principal } };
      const submitted = await runs.submitWithin(
        automationScope(scope.tenant, 'schedule', name),
        by,
        (trx, runId) =>
          writeSlot(trx, {
            ...keyOf(scope, name),
            slot: now,
            outcome: 'fired',
            reason: 'manual',
            runId,
            open: spec.overlap !== 'allow',
            now,
          }),
      );
      if (submitted === undefined)
        throw new AppError('conflict', `schedule "${name}" has just been started for this very moment`);
      return { runId: submitted.runId };
    },
    pause: (scope, name) => setPaused(scope, name, true),
    resume: (scope, name) => setPaused(scope, name, false),
    async slots(scope, name, query) {
      await store.get(scope, name);
      const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
      const { rows } = await sql<SlotRow>`
        select slot, outcome, reason, run_id, slots, last_slot, decided_at from schedule_slots
        where tenant = ${scope.tenant} and schedule = ${name}
          and (${query.outcome ?? null}::text is null or outcome = ${query.outcome ?? null})
          and (${after?.time ?? null}::timestamptz is null or slot < ${after?.time ?? null}::timestamptz)
        order by slot desc limit ${query.limit + 1}::int`.execute(storage.db);
      const items = rows.slice(0, query.limit).map((row): SlotView => ({
        slot: row.slot.toISOString(),
        outcome: row.outcome,
        reason: row.reason,
        runId: row.run_id,
        slots: row.slots,
        lastSlot: (row.last_slot ?? row.slot).toISOString(),
        decidedAt: row.decided_at.toISOString(),
      }));
      const last = rows.length > query.limit ? items.at(-1) : undefined;
      return { items, next: last === undefined ? null : encodeCursor(new Date(last.slot), name) };
    },
  };
}
