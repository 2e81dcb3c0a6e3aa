import type { Generated } from 'kysely';
import type { Timestamp } from './columns.ts';

/** Whose calls and tokens are counted: a ring of 61 buckets each, the newest one numbered `bucket`. */
export interface LedgerSubjectsTable {
  key: string;
  /** Reservations that are neither settled nor expired. */
  parallel: Generated<number>;
  /** Time since 1970 in lengths of a bucket; bucket n is at place n mod 61, counted from 0. */
  bucket: Generated<number>;
  requests: Generated<readonly (number | string)[]>;
  tokens: Generated<readonly (number | string)[]>;
  touched_at: Generated<Date>;
}

/** Money of a subject in the present period of a budget, in billionths of a dollar. */
export interface LedgerBudgetsTable {
  key: string;
  /** Milliseconds, `month` or `total`. */
  period: string;
  /** Beginning of the period, epoch milliseconds. */
  started_at: number;
  spent: Generated<number>;
  reserved: Generated<number>;
  /** How often somebody has set it to 0. */
  resets: Generated<number>;
  touched_at: Generated<Date>;
}

/** What calls under way may cost at most. */
export interface LedgerReservationsTable {
  id: string;
  keys: readonly string[];
  tokens: number;
  nano: number;
  /** When it was made, in lengths of a bucket. */
  bucket: number;
  /** The budgets that it is held against, with the beginning of their periods. */
  budget_keys: readonly string[];
  periods: readonly string[];
  starts: readonly (number | string)[];
  expires_at: Timestamp;
  /** Given back, because nobody settled it in time; what it spent counts when it is settled late. */
  expired: Generated<boolean>;
}
