import type { Service } from '../../../base/index.ts';
import { sql } from 'kysely';
import type { Subscription } from '../../../platform/storage/index.ts';
import type { DefinitionStore } from '../../definitions/index.ts';
import { automationChannel, type AutomationDeps } from '../automation-deps.ts';
import { WakingLoop } from '../waking-loop.ts';
import { fireQueued, fireSlot, type SlotResult } from './fire-slot.ts';
import { planSlots, type SlotDecision } from './plan-slots.ts';
import { nextDue, ScheduleDirectory, type FollowedSchedule } from './schedule-directory.ts';
import { advance, nextQueued, readRecords, writeSlot } from './schedule-records.ts';

/** The clock may be set forward while a timer runs; no timer is longer than this. */
const longestWaitMs = 5_000;
const refreshEveryMs = 60_000;
const queuedLookMs = 1_000;
const pruneEveryMs = 3_600_000;
const keptSlots = 10_000;
const sideBySide = 8;

export interface TickerSettings {
  /** How long the outcome of a slot is kept. */
  readonly retentionMs: number;
}

function isFarAhead({ record }: FollowedSchedule, now: number): boolean {
  return record.decidedUntil > now + 86_400_000;
}

/**
 * Starts what schedules say. Every process ticks; the row of a schedule and the key of a slot decide who starts it. One
 * timer for all schedules, set to the next moment at which one of them is due.
 */
export class ScheduleTicker implements Service {
  readonly name = 'schedules';
  readonly #loop: WakingLoop;
  readonly #deps: AutomationDeps;
  readonly #settings: TickerSettings;
  readonly #directory: ScheduleDirectory;
  #subscription: Subscription | undefined;
  #isStale = true;
  #refreshAt = 0;
  #pruneAt = 0;

  constructor(
    deps: AutomationDeps & { readonly store: DefinitionStore<'Schedule'> },
    settings: TickerSettings,
  ) {
    this.#deps = deps;
    this.#loop = new WakingLoop({
      clock: deps.clock,
      pass: () => this.tick(),
      nextAt: (now) => this.#nextAt(now),
      onError: (error) =>
        deps.logger.warn({ error: String(error) }, 'schedules could not be looked at; trying again'),
    });
    this.#settings = settings;
    this.#directory = new ScheduleDirectory(deps);
  }

  async start(): Promise<void> {
    if (this.#loop.running) return;
    this.#loop.start();
    this.#pruneAt = this.#deps.clock.now() + pruneEveryMs;
    this.#subscription = await this.#deps.storage.listen(
      automationChannel,
      (payload) => {
        if (payload === 'schedules') this.changed();
      },
      () => this.changed(),
    );
    this.#loop.wake();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#subscription?.close();
    this.#subscription = undefined;
  }

  /** Definitions or pauses changed: look at them now. */
  changed(): void {
    this.#isStale = true;
    this.#loop.wake();
  }

  #nextAt(now: number): number {
    let next = now + (this.#isStale ? 1000 : longestWaitMs);
    for (const { dueAt } of this.#directory.all) if (dueAt !== undefined && dueAt < next) next = dueAt;
    return next;
  }

  /** One look: takes over changes, then does what is due now. Rejects when the database cannot be reached. */
  async tick(): Promise<void> {
    const { clock } = this.#deps;
    if (this.#isStale || clock.now() >= this.#refreshAt) {
      this.#isStale = false;
      try {
        await this.#directory.refresh();
      } catch (error) {
        this.#isStale = true;
        throw error;
      }
      this.#refreshAt = clock.now() + refreshEveryMs;
    }
    const now = clock.now();
    const due = [...this.#directory.all].filter(
      (one) => (one.dueAt !== undefined && one.dueAt <= now) || isFarAhead(one, now),
    );
    // Each process begins elsewhere, so that they meet less often.
    const from = due.length < 2 ? 0 : Math.floor(Math.random() * due.length);
    const rest = [...due.slice(from), ...due.slice(0, from)];
    const worker = async (): Promise<void> => {
      for (let one = rest.shift(); one !== undefined && this.#mayGoOn(); one = rest.shift())
        await this.#attend(one);
    };
    await Promise.all(Array.from({ length: Math.min(sideBySide, due.length) }, worker));
    if (now >= this.#pruneAt) await this.#prune(now);
  }

  // `tick` may be called on a ticker that is not started.
  #mayGoOn(): boolean {
    return this.#loop.running || this.#subscription === undefined;
  }

  async #attend(schedule: FollowedSchedule): Promise<void> {
    const { clock, logger } = this.#deps;
    try {
      await this.#decide(schedule);
      schedule.failures = 0;
      schedule.dueAt = nextDue(schedule);
      if (schedule.record.hasQueued)
        schedule.dueAt = Math.min(schedule.dueAt ?? Number.POSITIVE_INFINITY, clock.now() + queuedLookMs);
    } catch (error) {
      schedule.failures += 1;
      schedule.dueAt = clock.now() + Math.min(1000 * 2 ** (schedule.failures - 1), 60_000);
      logger.warn(
        { schedule: schedule.name, error: String(error) },
        'a slot could not be started; trying again',
      );
    }
  }

  async #decide(schedule: FollowedSchedule): Promise<void> {
    const { clock, storage } = this.#deps;
    await this.#correctClock(schedule);
    if (schedule.record.hasQueued) await this.#drain(schedule);
    const decisions = await planSlots({
      ...schedule,
      decidedUntil: schedule.record.decidedUntil,
      paused: schedule.record.pausedAt !== null,
      now: clock.now(),
    });
    for (const decision of decisions) {
      if (!this.#mayGoOn()) return;
      const result =
        decision.kind === 'fire'
          ? await this.#fire(schedule, decision)
          : await storage.transaction((trx) => this.#skip(trx, schedule, decision));
      if (result.kind === 'stale') {
        // Somebody else attends to it. What is left is planned again from what they wrote.
        await this.#reread(schedule);
        return;
      }
      schedule.record = {
        ...schedule.record,
        decidedUntil: decision.slot,
        hasQueued: schedule.record.hasQueued || result.kind === 'queued',
      };
    }
  }

  async #fire(
    schedule: FollowedSchedule,
    decision: Extract<SlotDecision, { kind: 'fire' }>,
  ): Promise<SlotResult> {
    const { metrics, clock } = this.#deps;
    const result = await fireSlot(this.#deps, schedule, decision.slot, decision.catchUp);
    if (result.kind === 'stale') return result;
    metrics.scheduleSlots.inc({ outcome: result.kind });
    if (result.kind === 'fired' && !decision.catchUp)
      metrics.scheduleLag.observe(Math.max(0, clock.now() - decision.dueAt) / 1000);
    return result;
  }

  async #skip(
    trx: Parameters<typeof writeSlot>[0],
    schedule: FollowedSchedule,
    decision: Extract<SlotDecision, { kind: 'skip' }>,
  ): Promise<SlotResult> {
    if (!(await advance(trx, schedule.record, decision.slot))) return { kind: 'stale' };
    await writeSlot(trx, {
      tenant: schedule.tenant,
      name: schedule.name,
      slot: decision.first,
      outcome: 'skipped',
      reason: decision.reason,
      now: this.#deps.clock.now(),
      ...(decision.slots === 1 ? {} : { slots: decision.slots, lastSlot: decision.slot }),
    });
    this.#deps.metrics.scheduleSlots.inc({ outcome: 'skipped' }, decision.slots);
    return { kind: 'skipped' };
  }

  async #drain(schedule: FollowedSchedule): Promise<void> {
    for (;;) {
      const slot = await nextQueued(this.#deps.storage.db, schedule);
      if (slot === undefined) {
        schedule.record = { ...schedule.record, hasQueued: false };
        return;
      }
      const result = await fireQueued(this.#deps, schedule, slot);
      if (result.kind !== 'failed' && result.kind !== 'fired') return;
      this.#deps.metrics.scheduleSlots.inc({ outcome: result.kind });
    }
  }

  /** A clock that had run days ahead must not silence a schedule until then; slots that were taken stay taken. */
  async #correctClock(schedule: FollowedSchedule): Promise<void> {
    const { clock, storage, logger } = this.#deps;
    const now = clock.now();
    if (!isFarAhead(schedule, now)) return;
    const done = await storage.transaction((trx) => advance(trx, schedule.record, now));
    if (done) {
      logger.warn({ schedule: schedule.name }, 'the clock was set back by more than a day');
      schedule.record = { ...schedule.record, decidedUntil: now };
    } else await this.#reread(schedule);
  }

  async #reread(schedule: FollowedSchedule): Promise<void> {
    const [record] = await readRecords(this.#deps.storage.db, schedule);
    if (record === undefined || record.timingHash !== schedule.record.timingHash) {
      this.#isStale = true;
      return;
    }
    schedule.record = record;
  }

  /** Forgets outcomes past their retention, and of each schedule all but the newest. */
  async #prune(now: number): Promise<void> {
    const { storage } = this.#deps;
    this.#pruneAt = now + pruneEveryMs;
    const before = new Date(now - this.#settings.retentionMs);
    await sql`
      delete from schedule_slots where decided_at < ${before}::timestamptz and outcome <> 'queued'`.execute(
      storage.db,
    );
    for (const one of this.#directory.all) {
      await sql`
        delete from schedule_slots where tenant = ${one.tenant} and schedule = ${one.name} and outcome <> 'queued'
          and slot < (select slot from schedule_slots where tenant = ${one.tenant} and schedule = ${one.name}
            order by slot desc offset ${keptSlots} limit 1)`.execute(storage.db);
    }
  }
}
