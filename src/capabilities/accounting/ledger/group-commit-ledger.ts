import { AppError, withDeadline, type Clock, type Logger } from '../../../base/index.ts';
import type {
  Ledger,
  LedgerSubject,
  LedgerUse,
  PartialGrant,
  Refusal,
  Reservation,
  Settlement,
} from '../ledger.ts';
import type { LedgerStore, StoreAnswer } from './ledger-store.ts';
import { fromNanoUsd } from './nano-usd.ts';
import {
  prepareReservation,
  toRefusal,
  unpricedRefusal,
  type PreparedReservation,
} from './prepared-reservation.ts';
import { SettlementQueue } from './settlement-queue.ts';

type Answer = Refusal | PartialGrant | undefined;

interface Pending {
  readonly reservation: PreparedReservation;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  /** Nobody waits any more. */
  isGivenUp: boolean;
}

export interface GroupCommitLedgerDeps {
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A settlement waits at most so long for others (default 100 ms). */
  readonly settleDelayMs?: number;
  /** A reservation that the store has not answered by then fails (default 5 s). */
  readonly reserveLimitMs?: number;
}

const mostReservations = 200;
const batchLimitMs = 10_000;
const drainLimitMs = 10_000;

/**
 * A ledger whose counts other processes share. One batch is in flight at a time: what is reserved meanwhile goes together
 * in the next one, with the settlements that wait, so a lone reservation is one round trip and many at once are few.
 */
export class GroupCommitLedger implements Ledger {
  readonly name = 'ledger';
  readonly #deps: GroupCommitLedgerDeps;
  readonly #settlements: SettlementQueue;
  #waiting: Pending[] = [];
  #state: 'new' | 'running' | 'stopped' = 'new';
  #draining: Promise<void> | undefined;

  constructor(deps: GroupCommitLedgerDeps) {
    this.#deps = deps;
    this.#settlements = new SettlementQueue({
      clock: deps.clock,
      logger: deps.logger,
      delayMs: deps.settleDelayMs ?? 100,
      onDue: () => this.#drain(),
    });
  }

  async start(): Promise<void> {
    if (this.#state === 'running') return;
    await this.#deps.store.start();
    this.#state = 'running';
  }

  async stop(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'stopped';
    const { clock, logger, store } = this.#deps;
    const giveUpAt = clock.now() + drainLimitMs;
    for (let pauseMs = 50; clock.now() < giveUpAt; pauseMs = Math.min(1000, pauseMs * 2)) {
      await this.#draining;
      const before = this.#settlements.size;
      if (before === 0) break;
      this.#drain();
      await this.#draining;
      if (this.#settlements.size === before) await clock.sleep(pauseMs);
    }
    this.#settlements.stop();
    if (this.#settlements.size > 0) {
      logger.error({ settlements: this.#settlements.size }, 'the ledger stopped before all was settled');
    }
    await store.stop();
  }

  async reserve(request: Reservation, { signal }: { readonly signal: AbortSignal }): Promise<Answer> {
    this.#assertRunning();
    signal.throwIfAborted();
    const unpriced = unpricedRefusal(request);
    if (unpriced !== undefined) return unpriced;
    const reservation = prepareReservation(request);
    if (reservation.subjects.length === 0) return undefined;
    const { clock, reserveLimitMs = 5000 } = this.#deps;
    const deadline = withDeadline(clock, reserveLimitMs, signal);
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const pending: Pending = { reservation, resolve, reject, isGivenUp: false };
        deadline.signal.addEventListener(
          'abort',
          () => {
            pending.isGivenUp = true;
            reject(
              signal.aborted
                ? (signal.reason as Error)
                : new AppError(
                    'storage_unavailable',
                    `The ledger did not answer within ${reserveLimitMs} ms.`,
                  ),
            );
          },
          { once: true },
        );
        this.#waiting.push(pending);
        this.#drain();
      });
    } finally {
      deadline.clear();
    }
  }

  settle(id: string, settlement: Settlement): void {
    this.#settlements.add(id, settlement);
  }

  release(id: string): void {
    this.#settlements.add(id, { tokens: 0, usd: 0 });
  }

  async use(subjects: readonly LedgerSubject[]): Promise<readonly LedgerUse[]> {
    this.#assertRunning();
    return await this.#deps.store.use(subjects);
  }

  async reset(key: string): Promise<void> {
    this.#assertRunning();
    await this.#deps.store.reset(key);
  }

  #assertRunning(): void {
    if (this.#state !== 'running') throw new AppError('not_ready', 'The ledger is not running.');
  }

  #drain(): void {
    this.#draining ??= this.#writeBatches().finally(() => {
      this.#draining = undefined;
      if (this.#waiting.length > 0) this.#drain();
    });
  }

  async #writeBatches(): Promise<void> {
    do await this.#writeBatch();
    while (this.#waiting.length > 0);
  }

  /** Never rejects. */
  async #writeBatch(): Promise<void> {
    const { clock, logger, store } = this.#deps;
    const batch: Pending[] = [];
    let taken = 0;
    for (const pending of this.#waiting) {
      if (batch.length >= mostReservations) break;
      taken += 1;
      if (!pending.isGivenUp) batch.push(pending);
    }
    this.#waiting = this.#waiting.slice(taken);
    const settlements = this.#settlements.take();
    if (batch.length === 0 && settlements.length === 0) return;
    const deadline = withDeadline(clock, batchLimitMs);
    try {
      const answers = await store.apply(
        settlements,
        batch.map(({ reservation }) => reservation),
        { signal: deadline.signal },
      );
      this.#settlements.confirm(settlements);
      batch.forEach((pending, index) => this.#answer(pending, answers[index]));
    } catch (error) {
      if (settlements.length > 0) {
        logger.warn(
          { error, settlements: this.#settlements.size },
          'the ledger cannot be written; it is tried again',
        );
      }
      this.#settlements.failed();
      for (const pending of batch) {
        // It may have been made all the same: only the answer was lost.
        if (this.#settlements.size < 10_000) this.release(pending.reservation.id);
        pending.reject(asUnavailable(error));
      }
    } finally {
      deadline.clear();
    }
  }

  #answer(pending: Pending, answer: StoreAnswer): void {
    if (answer !== undefined && 'refused' in answer) {
      pending.resolve(toRefusal(answer.refused));
      return;
    }
    if (pending.isGivenUp) this.release(pending.reservation.id);
    pending.resolve(answer === undefined ? undefined : { grantedUsd: fromNanoUsd(answer.grantedNano) });
  }
}

/** Whoever waits for room does not care what exactly went wrong: nothing was allowed. */
function asUnavailable(error: unknown): AppError {
  if (error instanceof AppError && error.code !== 'internal') return error;
  return new AppError('storage_unavailable', 'The ledger cannot be asked.', { cause: error });
}
