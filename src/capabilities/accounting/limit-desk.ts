import type { LimitValues, Scope } from '../../protocol/index.ts';
import type { SubjectLimits } from './caller.ts';
import type { LedgerUse } from './ledger.ts';

/** Limits of a subject as people see them. */
export interface LimitView {
  /** `tenant`, `key:<id>`, …; of a kind's `*` the limits of each of them. */
  readonly subject: string;
  /** As set through the API; `null` where they were not. */
  readonly stored: {
    readonly values: LimitValues;
    readonly updatedBy: string;
    readonly updatedAt: string;
  } | null;
  /** As the project's file says; `null` where it does not. */
  readonly file: LimitValues | null;
  /** What holds: stored, file and `*` together. */
  readonly effective: SubjectLimits;
  /** What was used; none for `*`, one for each key that bears the name in `key:NAME`. */
  readonly use: readonly (Omit<LedgerUse, 'key'> & { readonly subject: string })[];
}

/**
 * Where people see and change limits. Who lacks `usage:read` sees those of its own API key only.
 *
 * Errors: `not_found` for an API key that does not exist, `conflict` for a name that several keys bear, `invalid_request`
 * for what is no subject, `forbidden` for others' limits.
 */
export interface LimitDesk {
  list(scope: Scope): Promise<readonly LimitView[]>;
  get(scope: Scope, subject: string): Promise<LimitView>;
  set(scope: Scope, subject: string, values: LimitValues): Promise<LimitView>;
  /** Error also: `not_found` where nothing is stored. What the file says goes on to hold. */
  remove(scope: Scope, subject: string): Promise<void>;
  /** Sets what was spent in the present period to 0. */
  reset(scope: Scope, subject: string): Promise<void>;
}
