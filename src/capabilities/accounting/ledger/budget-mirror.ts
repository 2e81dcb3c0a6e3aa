import { sql } from 'kysely';
import type { Clock, Logger } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';

/** What is spent of a budget, in billionths of a dollar. */
export interface SpentBudget {
  readonly key: string;
  readonly period: string;
  readonly startedAt: number;
  readonly spent: number;
  readonly resets: number;
}

interface BudgetMirrorDeps {
  readonly storage: Pick<Storage, 'db'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const delayMs = 250;
const mostRows = 500;
const longestPauseMs = 5000;

const isNewer = (a: SpentBudget, b: SpentBudget): boolean =>
  a.startedAt - b.startedAt > 0 ||
  (a.startedAt === b.startedAt && (a.resets > b.resets || (a.resets === b.resets && a.spent > b.spent)));

/** Keeps the tables up with what another store counts: whole sums, the newest wins, so that writing twice changes nothing. */
export class BudgetMirror {
  readonly #deps: BudgetMirrorDeps;
  #waiting = new Map<string, SpentBudget>();
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<boolean> | undefined;
  #pauseMs = 0;

  constructor(deps: BudgetMirrorDeps) {
    this.#deps = deps;
  }

  add(budgets: readonly SpentBudget[]): void {
    for (const budget of budgets) {
      const name = `${budget.key} ${budget.period}`;
      const known = this.#waiting.get(name);
      if (known === undefined || isNewer(budget, known)) this.#waiting.set(name, budget);
    }
    if (this.#waiting.size > 0) this.#schedule();
  }

  /** Writes all that waits; true when nothing is left. Never rejects. */
  async flush(): Promise<boolean> {
    while (this.#writing !== undefined) await this.#writing;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.size > 0) this.#schedule();
    });
    return await this.#writing;
  }

  async stop(): Promise<void> {
    for (let tries = 0; tries < 5 && !(await this.flush()); tries += 1) {
      await this.#deps.clock.sleep(this.#pauseMs);
    }
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#waiting.size > 0) {
      this.#deps.logger.error(
        { budgets: this.#waiting.size },
        'what is spent was not stored in the database',
      );
    }
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#deps.clock.after(delayMs + this.#pauseMs, () => {
      this.#cancelTimer = undefined;
      void this.flush();
    });
  }

  async #write(): Promise<boolean> {
    // In one order everywhere, so that no two processes wait for each other.
    const all = [...this.#waiting.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1));
    this.#waiting = new Map();
    for (let from = 0; from < all.length; from += mostRows) {
      const rows = all.slice(from, from + mostRows).map(([, budget]) => budget);
      try {
        await this.#writeRows(rows);
        this.#pauseMs = 0;
      } catch (error) {
        this.#pauseMs = Math.min(longestPauseMs, Math.max(100, this.#pauseMs * 2));
        this.add(all.slice(from).map(([, budget]) => budget));
        this.#deps.logger.warn(
          { error, budgets: this.#waiting.size },
          'what is spent could not be stored yet',
        );
        return false;
      }
    }
    return true;
  }

  async #writeRows(rows: readonly SpentBudget[]): Promise<void> {
    await sql`
      insert into ledger_budgets as b (key, period, started_at, spent, reserved, resets)
      select g.key, g.period, g."startedAt", g.spent, 0, g.resets
      from json_to_recordset(${JSON.stringify(rows)}::json)
        as g(key text, period text, "startedAt" bigint, spent bigint, resets int)
      on conflict (key, period) do update set started_at = excluded.started_at, spent = excluded.spent, reserved = 0,
        resets = excluded.resets, touched_at = now()
      where (excluded.started_at, excluded.resets, excluded.spent) > (b.started_at, b.resets, b.spent)`.execute(
      this.#deps.storage.db,
    );
  }
}
