import { periodOf, periodStart } from './budget-period.ts';
import { SlidingWindow } from './sliding-window.ts';

/** A run that has not called a model for so long is over. */
const runMemoryMs = 30 * 86_400_000;

/** Money of one period, in billionths of a dollar. */
export interface MemoryBudget {
  readonly period: string;
  startedAt: number;
  spent: number;
  reserved: number;
}

/** What one subject uses, as one process counts it. */
export class MemorySubject {
  readonly key: string;
  readonly #windowMs: number;
  #requests: SlidingWindow | undefined;
  #tokens: SlidingWindow | undefined;
  readonly budgets: MemoryBudget[] = [];
  parallel = 0;
  touchedAt: number;

  constructor(key: string, windowMs: number, nowMs: number) {
    this.key = key;
    this.#windowMs = windowMs;
    this.touchedAt = nowMs;
  }

  get requests(): SlidingWindow {
    return (this.#requests ??= new SlidingWindow(this.#windowMs));
  }

  get tokens(): SlidingWindow {
    return (this.#tokens ??= new SlidingWindow(this.#windowMs));
  }

  /** Gives back the memory of windows in which nothing lies any more. */
  forgetWindows(nowMs: number): void {
    if (this.parallel > 0 || nowMs - this.touchedAt < 2 * this.#windowMs) return;
    this.#requests = undefined;
    this.#tokens = undefined;
  }

  /** May it be forgotten: nothing of it can be asked for any more? */
  isIdle(nowMs: number): boolean {
    if (this.parallel > 0 || nowMs - this.touchedAt < 2 * this.#windowMs) return false;
    const isEndedRun = this.key.includes('/run:') && nowMs - this.touchedAt > runMemoryMs;
    return this.budgets.every(({ period, startedAt }) =>
      period === 'total' ? isEndedRun : startedAt < periodStart(periodOf(period), nowMs),
    );
  }

  /** The budget of the present period; begun anew where a period is over. */
  budgetAt(period: string, nowMs: number): MemoryBudget {
    const startedAt = periodStart(periodOf(period), nowMs);
    for (const budget of this.budgets) {
      if (budget.period !== period) continue;
      if (startedAt > budget.startedAt) {
        budget.startedAt = startedAt;
        budget.spent = 0;
        budget.reserved = 0;
      }
      return budget;
    }
    const made = { period, startedAt, spent: 0, reserved: 0 };
    this.budgets.push(made);
    return made;
  }
}
