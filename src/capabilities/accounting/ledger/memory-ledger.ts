import { AppError, type Clock, type Logger } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type {
  Ledger,
  LedgerSubject,
  LedgerUse,
  PartialGrant,
  Refusal,
  Reservation,
  Settlement,
} from '../ledger.ts';
import { periodEnd, periodName, periodOf } from './budget-period.ts';
import { LedgerRecords } from './ledger-records.ts';
import { MemorySubject, type MemoryBudget } from './memory-subject.ts';
import { fromNanoUsd, toNanoUsd } from './nano-usd.ts';
import {
  prepareReservation,
  toRefusal,
  unpricedRefusal,
  type PreparedReservation,
  type StoreRefusal,
} from './prepared-reservation.ts';

interface Held {
  readonly tokens: number;
  readonly nano: number;
  readonly atMs: number;
  readonly expiresAtMs: number;
  readonly subjects: readonly MemorySubject[];
  readonly budgets: readonly { readonly budget: MemoryBudget; readonly startedAt: number }[];
  isExpired: boolean;
}

export interface MemoryLedgerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where what is spent survives; without it everything is forgotten with the process. */
  readonly storage?: Pick<Storage, 'db'>;
  /** Length of the window of calls and tokens, by default a minute. */
  readonly windowMs?: number;
}

const expiryMs = 1000;
const sweepMs = 60_000;
// A settlement that comes later than this after the expiry counts no more.
const lateMs = 86_400_000;

/**
 * The ledger of a single process: nobody is asked, so it answers within microseconds. What is spent and what lies in the
 * windows is written to the tables within half a second; `kill -9` loses at most the last second. Reservations die with
 * the process.
 */
export class MemoryLedger implements Ledger {
  readonly name = 'ledger';
  readonly #deps: MemoryLedgerDeps;
  readonly #windowMs: number;
  readonly #records: LedgerRecords | undefined;
  readonly #subjects = new Map<string, MemorySubject>();
  readonly #held = new Map<string, Held>();
  #nextExpiryMs = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #cancelTimers: readonly (() => void)[] = [];

  constructor(deps: MemoryLedgerDeps) {
    this.#deps = deps;
    this.#windowMs = deps.windowMs ?? 60_000;
    if (deps.storage !== undefined) {
      this.#records = new LedgerRecords({ ...deps, storage: deps.storage, windowMs: this.#windowMs });
    }
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    for (const subject of (await this.#records?.load()) ?? []) this.#subjects.set(subject.key, subject);
    this.#isRunning = true;
    const { clock } = this.#deps;
    this.#cancelTimers = [
      clock.every(expiryMs, () => this.#expire(clock.now())),
      clock.every(sweepMs, () => this.#sweep()),
    ];
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const cancel of this.#cancelTimers) cancel();
    this.#cancelTimers = [];
    await this.#records?.stop();
  }

  async reserve(
    request: Reservation,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Refusal | PartialGrant | undefined> {
    if (!this.#isRunning) throw new AppError('not_ready', 'The ledger is not running.');
    signal.throwIfAborted();
    const unpriced = unpricedRefusal(request);
    if (unpriced !== undefined) return unpriced;
    const reservation = prepareReservation(request);
    if (reservation.subjects.length === 0 || this.#held.has(reservation.id)) return undefined;
    const nowMs = this.#deps.clock.now();
    if (nowMs >= this.#nextExpiryMs) this.#expire(nowMs);
    const outcome = this.#decide(reservation, nowMs);
    if ('key' in outcome) return toRefusal(outcome);
    this.#hold(reservation, outcome.nano, nowMs);
    return outcome.isPart ? { grantedUsd: fromNanoUsd(outcome.nano) } : undefined;
  }

  settle(id: string, settlement: Settlement): void {
    const tokens = Number.isFinite(settlement.tokens) ? Math.max(0, Math.round(settlement.tokens)) : 0;
    this.#end(id, tokens, toNanoUsd(settlement.usd ?? 0));
  }

  release(id: string): void {
    this.#end(id, 0, 0);
  }

  async use(subjects: readonly LedgerSubject[]): Promise<readonly LedgerUse[]> {
    const nowMs = this.#deps.clock.now();
    this.#expire(nowMs);
    return subjects.map(({ key, limits }) => {
      const subject = this.#subjects.get(key);
      return {
        key,
        requests: subject?.requests.sumAt(nowMs) ?? 0,
        tokens: subject?.tokens.sumAt(nowMs) ?? 0,
        parallel: subject?.parallel ?? 0,
        budgets: (limits.budgets ?? []).map(({ usd, period }) => {
          const budget = subject?.budgetAt(periodName(period), nowMs);
          return {
            usd,
            period,
            spentUsd: fromNanoUsd(budget?.spent ?? 0),
            reservedUsd: fromNanoUsd(budget?.reserved ?? 0),
            resetsAtMs: periodEnd(period, nowMs),
          };
        }),
      };
    });
  }

  async reset(key: string): Promise<void> {
    const subject = this.#subjects.get(key);
    if (subject === undefined) return;
    for (const budget of subject.budgets) budget.spent = 0;
    this.#records?.changed(subject);
    await this.#records?.flush();
  }

  /** What to reserve in billionths of a dollar, or why nothing. */
  #decide(
    reservation: PreparedReservation,
    nowMs: number,
  ): { readonly nano: number; readonly isPart: boolean } | StoreRefusal {
    const { tokens, nano, leastNano } = reservation;
    let room = Number.POSITIVE_INFINITY;
    let tight: { key: string; allowed: number; budget: MemoryBudget } | undefined;
    for (const { key, rpm, tpm, parallel, budgets } of reservation.subjects) {
      const subject = this.#subjectOf(key, nowMs);
      if (rpm !== null) {
        const used = subject.requests.sumAt(nowMs);
        if (used + 1 > rpm) {
          const retryAfterMs = subject.requests.waitFor(1, rpm, nowMs);
          return { key, limit: 'rpm', allowed: rpm, used, retryAfterMs };
        }
      }
      if (tpm !== null) {
        const used = subject.tokens.sumAt(nowMs);
        if (used + tokens > tpm) {
          const retryAfterMs = subject.tokens.waitFor(tokens, tpm, nowMs);
          return { key, limit: 'tpm', allowed: tpm, used, retryAfterMs };
        }
      }
      if (parallel !== null && subject.parallel + 1 > parallel) {
        return { key, limit: 'parallel', allowed: parallel, used: subject.parallel };
      }
      for (const { period, nano: allowed } of budgets) {
        const budget = subject.budgetAt(period, nowMs);
        const used = budget.spent + budget.reserved;
        if (allowed - used < room) {
          room = allowed - used;
          tight = { key, allowed, budget };
        }
      }
    }
    if (nano <= room || tight === undefined) return { nano, isPart: false };
    if (leastNano !== null && leastNano <= room) return { nano: room, isPart: true };
    const { key, allowed, budget } = tight;
    return {
      key,
      limit: 'budget',
      allowed,
      used: budget.spent + budget.reserved,
      spent: budget.spent,
      wanted: Math.min(nano, leastNano ?? nano),
      resetsAtMs: periodEnd(periodOf(budget.period), nowMs),
      atMs: nowMs,
    };
  }

  #hold(reservation: PreparedReservation, nano: number, nowMs: number): void {
    const subjects: MemorySubject[] = [];
    const held: { budget: MemoryBudget; startedAt: number }[] = [];
    for (const { key, budgets } of reservation.subjects) {
      const subject = this.#subjectOf(key, nowMs);
      subject.parallel += 1;
      subject.requests.add(1, nowMs);
      subject.tokens.add(reservation.tokens, nowMs);
      subject.touchedAt = nowMs;
      subjects.push(subject);
      for (const { period } of budgets) {
        const budget = subject.budgetAt(period, nowMs);
        budget.reserved += nano;
        held.push({ budget, startedAt: budget.startedAt });
      }
      this.#records?.changed(subject);
    }
    const { tokens, expiresAtMs } = reservation;
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, expiresAtMs);
    this.#held.set(reservation.id, {
      tokens,
      nano,
      atMs: nowMs,
      expiresAtMs,
      subjects,
      budgets: held,
      isExpired: false,
    });
  }

  #end(id: string, tokens: number, nano: number): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    this.#giveBack(held);
    const nowMs = this.#deps.clock.now();
    // What was counted when it was reserved stays where it is; only the difference moves.
    const kept = held.isExpired ? 0 : Math.min(tokens, held.tokens);
    for (const subject of held.subjects) {
      if (!held.isExpired) subject.tokens.takeBack(held.tokens - kept, held.atMs, nowMs);
      if (tokens > kept) subject.tokens.add(tokens - kept, nowMs);
      this.#records?.changed(subject);
    }
    for (const { budget, startedAt } of held.budgets) {
      if (budget.startedAt === startedAt) budget.spent += nano;
    }
  }

  #giveBack(held: Held): void {
    if (held.isExpired) return;
    for (const subject of held.subjects) subject.parallel -= 1;
    for (const { budget, startedAt } of held.budgets) {
      if (budget.startedAt === startedAt) budget.reserved -= held.nano;
    }
  }

  #expire(nowMs: number): void {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [id, held] of this.#held) {
      if (held.isExpired) {
        if (held.expiresAtMs + lateMs <= nowMs) this.#held.delete(id);
      } else if (held.expiresAtMs <= nowMs) {
        this.#giveBack(held);
        const { tokens, atMs } = held;
        for (const subject of held.subjects) subject.tokens.takeBack(tokens, atMs, nowMs);
        held.isExpired = true;
      } else nextMs = Math.min(nextMs, held.expiresAtMs);
    }
    this.#nextExpiryMs = nextMs;
  }

  #sweep(): void {
    const nowMs = this.#deps.clock.now();
    for (const [key, subject] of this.#subjects) {
      subject.forgetWindows(nowMs);
      if (subject.isIdle(nowMs)) this.#subjects.delete(key);
    }
  }

  #subjectOf(key: string, nowMs: number): MemorySubject {
    const known = this.#subjects.get(key);
    if (known !== undefined) return known;
    const made = new MemorySubject(key, this.#windowMs, nowMs);
    this.#subjects.set(key, made);
    return made;
  }
}
