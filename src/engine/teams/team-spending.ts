import { AppError } from '../../base/index.ts';
import type { Usage } from '../../protocol/index.ts';
import type { TurnSpending } from '../agents/index.ts';

/** Sums are made in whole numbers, so that their order makes no difference on another execution. */
const nanos = 1e9;

/** What a team's run has cost so far: its own model calls and the runs of its members. */
export class TeamSpending implements TurnSpending {
  readonly #team: string;
  readonly #budgetUsd: number | undefined;
  #spentNanos = 0;
  #unpriced = 0;

  constructor(team: string, budgetUsd: number | undefined) {
    this.#team = team;
    this.#budgetUsd = budgetUsd;
  }

  add(usage: Usage): void {
    if (usage.costUsd === null) {
      if (usage.inputTokens + usage.outputTokens > 0) this.#unpriced += 1;
      return;
    }
    this.#spentNanos += Math.round(usage.costUsd * nanos);
  }

  /** `undefined` without a budget. */
  get report(): { readonly usd: number; readonly unpriced: number } | undefined {
    if (this.#budgetUsd === undefined) return undefined;
    return { usd: this.#spentNanos / nanos, unpriced: this.#unpriced };
  }

  /** Why nothing more may be spent; `undefined` while something may. */
  get exhausted(): string | undefined {
    if (this.#budgetUsd === undefined || this.#spentNanos < Math.round(this.#budgetUsd * nanos))
      return undefined;
    const unknown =
      this.#unpriced === 0 ? '' : `; ${this.#unpriced} calls or runs without a known price counted as 0`;
    return `the budget of team "${this.#team}" is used up: ${this.#spentNanos / nanos} of ${this.#budgetUsd} USD (limits.budgetUsd)${unknown}`;
  }

  check(): void {
    const reason = this.exhausted;
    if (reason !== undefined)
      throw new AppError('limit_exceeded', reason, { details: { limit: 'budgetUsd', ...this.report } });
  }
}
