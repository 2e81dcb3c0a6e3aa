import type { Clock } from '../../base/index.ts';

/** How long a run may be without anything under way before its waits count as all there is. */
const settleMs = 10;

/** One thing that a run waits for: the run or child run, and the key of the wait in it. */
export interface PendingWait {
  readonly runId: string;
  readonly key: string;
}

/** Knows when a run does nothing but wait, so that it can leave memory. */
export class ActivityMonitor {
  readonly #clock: Clock;
  readonly #onIdle: () => void;
  readonly #waits: PendingWait[] = [];
  #underWay = 0;
  #cancelCheck: (() => void) | undefined;

  constructor(clock: Clock, onIdle: () => void) {
    this.#clock = clock;
    this.#onIdle = onIdle;
  }

  get waits(): readonly PendingWait[] {
    return this.#waits;
  }

  change(by: 1 | -1): void {
    this.#underWay += by;
    this.#check();
  }

  waitFor(waits: readonly PendingWait[]): void {
    this.#waits.push(...waits);
    this.#check();
  }

  stop(): void {
    this.#cancelCheck?.();
  }

  #check(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
    if (this.#underWay > 0 || this.#waits.length === 0) return;
    this.#cancelCheck = this.#clock.after(settleMs, this.#onIdle);
  }
}
