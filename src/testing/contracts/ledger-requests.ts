import type {
  LedgerSubject,
  PartialGrant,
  Refusal,
  Reservation,
  SubjectLimits,
} from '../../capabilities/accounting/index.ts';

/** What a ledger answers to a reservation. */
export type LedgerAnswer = Refusal | PartialGrant | undefined;

export const neverAborted: AbortSignal = new AbortController().signal;
const longMs = 600_000;
let serial = 0;

/** A subject that nobody has used before. */
export function subject(limits: SubjectLimits, name = 'subject'): LedgerSubject {
  serial += 1;
  return { key: `tenant/contract/${name}:${serial}`, limits };
}

/** A reservation of nothing with an id of its own, and whatever differs. */
export function reservation(
  subjects: readonly LedgerSubject[],
  different: Partial<Reservation> = {},
): Reservation {
  serial += 1;
  return { id: `c${serial}`, subjects, tokens: 0, usd: 0, expiresAtMs: Date.now() + longMs, ...different };
}
