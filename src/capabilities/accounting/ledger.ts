import type { Service } from '../../base/index.ts';
import type { SubjectLimits } from './caller.ts';

/** Somebody whose use is counted; the key is the same in all processes: `tenant/<tenant>/key:<id>`, `deployment/<id>`. */
export interface LedgerSubject {
  readonly key: string;
  readonly limits: SubjectLimits;
}

/** What a call may cost at most, asked for before it is made. */
export interface Reservation {
  /** Unique; reserving it again changes nothing. */
  readonly id: string;
  readonly subjects: readonly LedgerSubject[];
  readonly tokens: number;
  /** `null`: the price is unknown; a subject with a budget refuses, unless its limits say `unpriced: 'allow'`. */
  readonly usd: number | null;
  /** Where the money does not suffice: the least that would still do. All that is left is reserved then. */
  readonly leastUsd?: number;
  /** From then on a reservation that was never settled counts as released: its process has died. Epoch milliseconds. */
  readonly expiresAtMs: number;
}

/** The first limit that does not allow it; nothing was reserved with any subject. */
export interface Refusal {
  readonly key: string;
  readonly limit: 'rpm' | 'tpm' | 'parallel' | 'budget';
  readonly allowed: number;
  /** Used and reserved now. */
  readonly used: number;
  /** When it may fit; `null` where nobody can say (a total budget, a reservation larger than the limit). */
  readonly retryAfterMs: number | null;
  /** Of a budget: what is spent, without what is reserved. */
  readonly spent?: number;
  /** Of a budget: when its period ends, epoch milliseconds; `null`: never. */
  readonly resetsAtMs?: number | null;
  /** Refused because nobody knows the price. */
  readonly unpriced?: true;
}

/** Not all that was asked for, but not less than `leastUsd`. */
export interface PartialGrant {
  readonly grantedUsd: number;
}

/** What really came of a reservation. */
export interface Settlement {
  readonly tokens: number;
  /** `null` where the price is unknown: counts as nothing. */
  readonly usd: number | null;
}

/** What a subject has used. */
export interface LedgerUse {
  readonly key: string;
  readonly requests: number;
  readonly tokens: number;
  readonly parallel: number;
  readonly budgets: readonly {
    readonly usd: number;
    readonly spentUsd: number;
    readonly reservedUsd: number;
    readonly period: number | 'month' | 'total';
    /** When it begins anew, epoch milliseconds; `null`: never. */
    readonly resetsAtMs: number | null;
  }[];
}

/**
 * Counts of calls, tokens and money that all processes share. A reservation is atomic over all its subjects: spent plus
 * reserved never exceeds a budget, whoever asks at the same moment. At most one round trip, none without limits.
 *
 * Errors of `reserve`: `not_ready` or `storage_unavailable` when the store cannot be asked (budgets fail closed).
 */
export interface Ledger extends Service {
  /** `undefined`: all of it is reserved. */
  reserve(
    request: Reservation,
    options: { readonly signal: AbortSignal },
  ): Promise<Refusal | PartialGrant | undefined>;
  /** Spends what was reserved, or less or more. Returns at once; written in batches; exactly once per reservation. */
  settle(id: string, settlement: Settlement): void;
  /** Gives back what was reserved, the call counted all the same: nothing was used. */
  release(id: string): void;
  use(subjects: readonly LedgerSubject[]): Promise<readonly LedgerUse[]>;
  /** Sets what a subject has spent in the present period to 0. */
  reset(key: string): Promise<void>;
}
