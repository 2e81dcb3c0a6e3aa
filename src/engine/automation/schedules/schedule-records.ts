import { sql, type Transaction } from 'kysely';
import type { Database, Executor } from '../../../platform/storage/index.ts';

/** What the database knows of a schedule. Times in ms since 1970 UTC. */
export interface ScheduleRecord {
  readonly tenant: string;
  readonly name: string;
  readonly timingHash: string;
  readonly decidedUntil: number;
  readonly pausedAt: number | null;
  readonly pausedBy: string | null;
  /** Do slots wait for the run of an earlier one? */
  readonly hasQueued: boolean;
}

interface RecordRow {
  tenant: string;
  name: string;
  timing_hash: string;
  decided_until: Date;
  paused_at: Date | null;
  paused_by: string | null;
  has_queued: boolean;
}

const toRecord = (row: RecordRow): ScheduleRecord => ({
  tenant: row.tenant,
  name: row.name,
  timingHash: row.timing_hash,
  decidedUntil: row.decided_until.getTime(),
  pausedAt: row.paused_at?.getTime() ?? null,
  pausedBy: row.paused_by,
  hasQueued: row.has_queued,
});

/** Name and slot of one schedule. */
export interface SlotKey {
  readonly tenant: string;
  readonly name: string;
  readonly slot: number;
}

/** State of schedules, all of them or the one of a name. */
export async function readRecords(
  db: Executor,
  one?: { readonly tenant: string; readonly name: string },
): Promise<readonly ScheduleRecord[]> {
  const { rows } = await sql<RecordRow>`
    select s.*, exists (select 1 from schedule_slots q
      where q.tenant = s.tenant and q.schedule = s.name and q.outcome = 'queued') as has_queued
    from schedule_state s
    where ${one?.name ?? null}::text is null or (s.tenant = ${one?.tenant ?? null} and s.name = ${one?.name ?? null})`.execute(
    db,
  );
  return rows.map(toRecord);
}

/** Begins the state of schedules that have none, and begins it anew for those whose times changed. */
export async function beginRecords(
  db: Executor,
  fresh: readonly { tenant: string; name: string; timingHash: string; since: number }[],
): Promise<void> {
  if (fresh.length === 0) return;
  const rows = fresh.map((one) => ({ ...one, since: new Date(one.since).toISOString() }));
  await sql`
    insert into schedule_state as s (tenant, name, timing_hash, decided_until)
    select r.tenant, r.name, r."timingHash", r.since
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as r(tenant text, name text, "timingHash" text, since timestamptz)
    on conflict (tenant, name) do update set timing_hash = excluded.timing_hash, decided_until = excluded.decided_until
    where s.timing_hash <> excluded.timing_hash`.execute(db);
}

/**
 * Moves on the mark up to which slots are decided; holds the schedule until the end of the transaction. False: another
 * process was first, or the schedule was changed or paused meanwhile.
 */
export async function advance(
  trx: Transaction<Database>,
  from: Pick<ScheduleRecord, 'tenant' | 'name' | 'timingHash' | 'decidedUntil' | 'pausedAt'>,
  to: number,
): Promise<boolean> {
  const result = await sql`
    update schedule_state set decided_until = ${new Date(to)}::timestamptz
    where tenant = ${from.tenant} and name = ${from.name} and timing_hash = ${from.timingHash}
      and decided_until = ${new Date(from.decidedUntil)}::timestamptz
      and (paused_at is null) = ${from.pausedAt === null}`.execute(trx);
  return result.numAffectedRows === 1n;
}

/** Holds a schedule until the end of the transaction, if it is not paused. */
export async function holdUnpaused(
  trx: Transaction<Database>,
  of: { readonly tenant: string; readonly name: string },
): Promise<boolean> {
  const { rows } = await sql`
    select 1 from schedule_state where tenant = ${of.tenant} and name = ${of.name} and paused_at is null
    for update`.execute(trx);
  return rows.length === 1;
}

/** Writes what became of a slot; false when that was decided before. */
export async function writeSlot(
  trx: Transaction<Database>,
  slot: SlotKey & {
    readonly outcome: 'fired' | 'skipped' | 'queued' | 'failed';
    readonly reason: string | null;
    readonly runId?: string;
    readonly open?: boolean;
    readonly slots?: number;
    readonly lastSlot?: number;
    readonly now: number;
  },
): Promise<boolean> {
  const result = await trx
    .insertInto('schedule_slots')
    .values({
      tenant: slot.tenant,
      schedule: slot.name,
      slot: new Date(slot.slot),
      outcome: slot.outcome,
      reason: slot.reason,
      run_id: slot.runId ?? null,
      open: slot.open ?? false,
      slots: slot.slots ?? 1,
      last_slot: slot.lastSlot === undefined ? null : new Date(slot.lastSlot),
      decided_at: new Date(slot.now),
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'schedule', 'slot']).doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** Runs of earlier slots that have not ended. Those that have are forgotten, so that this stays cheap. */
export async function openRuns(
  trx: Transaction<Database>,
  of: { readonly tenant: string; readonly name: string },
): Promise<readonly string[]> {
  const { rows } = await sql<{ run_id: string }>`
    with ended as (
      update schedule_slots s set open = false
      where s.tenant = ${of.tenant} and s.schedule = ${of.name} and s.open
        and not exists (select 1 from runs r where r.id = s.run_id and r.status in ('queued', 'running', 'waiting'))
      returning s.slot
    )
    select s.run_id from schedule_slots s
    where s.tenant = ${of.tenant} and s.schedule = ${of.name} and s.open and s.slot not in (select slot from ended)`.execute(
    trx,
  );
  return rows.map((row) => row.run_id);
}

export async function countQueued(
  trx: Transaction<Database>,
  of: { readonly tenant: string; readonly name: string },
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from schedule_slots
    where tenant = ${of.tenant} and schedule = ${of.name} and outcome = 'queued'`.execute(trx);
  return rows[0]?.count ?? 0;
}

/** The oldest slot that waits for the run of an earlier one. */
export async function nextQueued(
  db: Executor,
  of: { readonly tenant: string; readonly name: string },
): Promise<number | undefined> {
  const { rows } = await sql<{ slot: Date }>`
    select slot from schedule_slots where tenant = ${of.tenant} and schedule = ${of.name} and outcome = 'queued'
    order by slot limit 1`.execute(db);
  return rows[0]?.slot.getTime();
}

/** Turns a slot that waits or failed into another outcome; false when it is no longer so. */
export async function changeSlot(
  trx: Transaction<Database>,
  slot: SlotKey & {
    readonly from: 'queued' | 'failed';
    readonly to: 'fired' | 'failed' | 'skipped';
    readonly reason: string | null;
    readonly runId?: string;
    readonly open?: boolean;
    readonly now: number;
  },
): Promise<boolean> {
  const result = await sql`
    update schedule_slots set outcome = ${slot.to}, reason = ${slot.reason}, run_id = ${slot.runId ?? null},
      open = ${slot.open ?? false}, decided_at = ${new Date(slot.now)}::timestamptz
    where tenant = ${slot.tenant} and schedule = ${slot.name} and slot = ${new Date(slot.slot)}::timestamptz
      and outcome = ${slot.from}`.execute(trx);
  return result.numAffectedRows === 1n;
}
