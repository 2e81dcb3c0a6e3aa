import { sql } from 'kysely';
import type { Clock, Logger } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type { LedgerSubject, LedgerUse } from '../ledger.ts';
import { periodEnd, periodOf } from './budget-period.ts';
import type { LedgerStore, PreparedSettlement, StoreAnswer } from './ledger-store.ts';
import { packBatch } from './pack-batch.ts';
import type { PreparedReservation, StoreRefusal } from './prepared-reservation.ts';
import { purgeLedger } from './purge-ledger.ts';
import { readLedgerUse } from './read-ledger-use.ts';

interface SqlLedgerStoreDeps {
  readonly storage: Pick<Storage, 'db' | 'transaction'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Length of the window of calls and tokens, by default a minute. */
  readonly windowMs?: number;
}

const sweepMs = 5000;
const purgeMs = 3_600_000;

type SqlAnswer =
  | null
  | { readonly granted: number }
  | (Omit<StoreRefusal, 'key'> & { readonly part: number; readonly period?: string });

/** Counts in the tables `ledger_*`; everything is decided by the function `ledger_apply`, at the database's time. */
export class SqlLedgerStore implements LedgerStore {
  readonly #deps: SqlLedgerStoreDeps;
  readonly #bucketMs: number;
  #cancelTimers: readonly (() => void)[] = [];

  constructor(deps: SqlLedgerStoreDeps) {
    this.#deps = deps;
    this.#bucketMs = Math.ceil((deps.windowMs ?? 60_000) / 60);
  }

  async start(): Promise<void> {
    const { clock, logger, storage } = this.#deps;
    const quietly = (work: () => Promise<unknown>) => () => {
      work().catch((error: unknown) => logger.warn({ error }, 'the ledger could not be tidied'));
    };
    await this.stop();
    this.#cancelTimers = [
      // Reservations of the dead are also given back by whoever reserves; this is for when nobody does.
      clock.every(
        sweepMs,
        quietly(() => this.apply([], [])),
      ),
      clock.every(
        purgeMs,
        quietly(() => purgeLedger(storage)),
      ),
    ];
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancelTimers) cancel();
    this.#cancelTimers = [];
  }

  async apply(
    settlements: readonly PreparedSettlement[],
    reservations: readonly PreparedReservation[],
  ): Promise<readonly StoreAnswer[]> {
    const { clock, storage } = this.#deps;
    const batch = packBatch(settlements, reservations, { bucketMs: this.#bucketMs, nowMs: clock.now() });
    const { rows } = await sql<{ answers: readonly SqlAnswer[] }>`
      select ledger_apply(${batch}::jsonb) as answers`.execute(storage.db);
    const answers = rows[0]?.answers ?? [];
    return reservations.map((reservation, index) => toAnswer(reservation, answers[index] ?? null));
  }

  async use(subjects: readonly LedgerSubject[]): Promise<readonly LedgerUse[]> {
    return await readLedgerUse(this.#deps.storage, subjects, this.#bucketMs);
  }

  async reset(key: string): Promise<void> {
    await this.#deps.storage.transaction(async (trx) => {
      await sql`select 1 from ledger_subjects where key = ${key} for update`.execute(trx);
      await sql`update ledger_budgets set spent = 0, resets = resets + 1 where key = ${key}`.execute(trx);
    });
  }
}

function toAnswer(reservation: PreparedReservation, answer: SqlAnswer): StoreAnswer {
  if (answer === null) return undefined;
  if ('granted' in answer) return { grantedNano: answer.granted };
  const { part, period, ...refusal } = answer;
  const key = reservation.subjects[part]?.key ?? '';
  const resetsAtMs = period === undefined ? null : periodEnd(periodOf(period), refusal.atMs ?? 0);
  return { refused: { ...refusal, key, resetsAtMs } };
}
