import type { Clock } from '../../base/index.ts';

/** Keeps each account within its platform's rate, and still while the platform asked it to wait. */
export class AccountPacer {
  readonly #clock: Clock;
  readonly #pausedUntil = new Map<string, number>();
  readonly #nextTurn = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the account may send its next message. */
  async turn(account: string, perSecond: number, signal: AbortSignal): Promise<void> {
    const at = Math.max(this.#clock.now(), this.#nextTurn.get(account) ?? 0);
    this.#nextTurn.set(account, at + 1000 / perSecond);
    let wait = at - this.#clock.now();
    // Looks again after each wait: the platform may have asked for a pause meanwhile.
    while (wait > 0 || this.pauseLeft(account) > 0) {
      await this.#clock.sleep(Math.max(wait, this.pauseLeft(account)), { signal });
      wait = 0;
    }
  }

  /** Nothing more is sent from the account for this long. */
  pause(account: string, milliseconds: number): void {
    const until = this.#clock.now() + milliseconds;
    this.#pausedUntil.set(account, Math.max(until, this.#pausedUntil.get(account) ?? 0));
    this.#nextTurn.set(account, Math.max(until, this.#nextTurn.get(account) ?? 0));
  }

  /** Milliseconds for which the account has to be still. */
  pauseLeft(account: string): number {
    return Math.max(0, (this.#pausedUntil.get(account) ?? 0) - this.#clock.now());
  }
}
