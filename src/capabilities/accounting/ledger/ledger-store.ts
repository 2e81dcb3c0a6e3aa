import type { LedgerSubject, LedgerUse } from '../ledger.ts';
import type { PreparedReservation, StoreRefusal } from './prepared-reservation.ts';

/** What came of a reservation, in whole numbers. */
export interface PreparedSettlement {
  readonly id: string;
  readonly tokens: number;
  readonly nano: number;
}

/** What of a reservation was granted: all of it (`undefined`), a part of the money, or nothing. */
export type StoreAnswer = undefined | { readonly grantedNano: number } | { readonly refused: StoreRefusal };

/**
 * Where a shared ledger keeps its counts. `apply` takes one round trip: first it settles, then it reserves one after the
 * other, each with all of its subjects or with none, unseen by others in between. A settlement whose reservation is not
 * there changes nothing. One answer per reservation, in order. Errors: `storage_unavailable`.
 */
export interface LedgerStore {
  start(): Promise<void>;
  stop(): Promise<void>;
  apply(
    settlements: readonly PreparedSettlement[],
    reservations: readonly PreparedReservation[],
    options: { readonly signal: AbortSignal },
  ): Promise<readonly StoreAnswer[]>;
  use(subjects: readonly LedgerSubject[]): Promise<readonly LedgerUse[]>;
  reset(key: string): Promise<void>;
}
