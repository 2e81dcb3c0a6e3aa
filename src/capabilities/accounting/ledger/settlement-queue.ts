import type { Clock, Logger } from '../../../base/index.ts';
import type { Settlement } from '../ledger.ts';
import type { PreparedSettlement } from './ledger-store.ts';
import { toNanoUsd } from './nano-usd.ts';

interface SettlementQueueDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A settlement waits at most so long for others, milliseconds. */
  readonly delayMs: number;
  /** Called when what waits should be written now. */
  readonly onDue: () => void;
}

const mostSettlements = 500;
const firstPauseMs = 100;
const longestPauseMs = 5000;
// While the store is away they are kept here; about 100 bytes each.
const mostWaiting = 1_000_000;

/** Settlements that the store has not confirmed yet; the first one of an id counts. */
export class SettlementQueue {
  readonly #deps: SettlementQueueDeps;
  readonly #waiting = new Map<string, PreparedSettlement>();
  #cancelTimer: (() => void) | undefined;
  #pauseMs = 0;

  constructor(deps: SettlementQueueDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(id: string, settlement: Settlement): void {
    if (this.#waiting.has(id)) return;
    if (this.#waiting.size >= mostWaiting) {
      this.#deps.logger.error(
        { id, settlement },
        'too many settlements wait for the ledger; one was dropped',
      );
      return;
    }
    const tokens = Number.isFinite(settlement.tokens) ? Math.max(0, Math.round(settlement.tokens)) : 0;
    this.#waiting.set(id, { id, tokens, nano: toNanoUsd(settlement.usd ?? 0) });
    if (this.#waiting.size >= mostSettlements && this.#pauseMs === 0) this.#due();
    else this.#schedule(this.#deps.delayMs);
  }

  /** The oldest ones, to be confirmed or failed; they stay in the queue until then. */
  take(): readonly PreparedSettlement[] {
    const taken: PreparedSettlement[] = [];
    for (const one of this.#waiting.values()) {
      if (taken.length >= mostSettlements) break;
      taken.push(one);
    }
    return taken;
  }

  confirm(written: readonly PreparedSettlement[]): void {
    for (const { id } of written) this.#waiting.delete(id);
    this.#pauseMs = 0;
    if (this.#waiting.size >= mostSettlements) this.#due();
    else if (this.#waiting.size > 0) this.#schedule(this.#deps.delayMs);
  }

  /** They are tried again after a pause, which grows up to five seconds. */
  failed(): void {
    this.#pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, this.#pauseMs * 2));
    this.stop();
    if (this.#waiting.size > 0) this.#schedule(this.#pauseMs);
  }

  /** No timer any more; what waits stays. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer ??= this.#deps.clock.after(Math.max(delayMs, this.#pauseMs), () => this.#due());
  }

  #due(): void {
    this.stop();
    this.#deps.onDue();
  }
}
