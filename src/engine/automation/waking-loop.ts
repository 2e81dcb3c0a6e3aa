import type { Clock } from '../../base/index.ts';

export interface WakingLoopDeps {
  readonly clock: Clock;
  /** One pass. What it throws goes to `onError`, and the next pass comes in its time. */
  readonly pass: () => Promise<void>;
  /** When the next pass is due, in ms since 1970. */
  readonly nextAt: (now: number) => number;
  readonly onError: (error: unknown) => void;
}

/** Passes, one after the other: when the next is due, and at once when somebody wakes it. */
export class WakingLoop {
  readonly #deps: WakingLoopDeps;
  #cancelTimer = (): void => {};
  #running = false;
  #underWay: Promise<void> | undefined;
  #again = false;

  constructor(deps: WakingLoopDeps) {
    this.#deps = deps;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Lets passes begin; the first one when it is woken. */
  start(): void {
    this.#running = true;
  }

  /** Resolves when the pass under way has ended; none begins after that. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#cancelTimer();
    await this.#underWay;
  }

  /** A pass begins now, or right after the one under way. */
  wake(): void {
    if (!this.#running) return;
    this.#cancelTimer();
    if (this.#underWay !== undefined) {
      this.#again = true;
      return;
    }
    this.#underWay = this.#pass().finally(() => {
      this.#underWay = undefined;
      if (!this.#running) return;
      if (this.#again) {
        this.#again = false;
        this.wake();
      } else this.#setTimer();
    });
  }

  async #pass(): Promise<void> {
    try {
      await this.#deps.pass();
    } catch (error) {
      this.#deps.onError(error);
    }
  }

  #setTimer(): void {
    const { clock, nextAt } = this.#deps;
    const now = clock.now();
    this.#cancelTimer = clock.after(Math.max(nextAt(now) - now, 1), () => this.wake());
  }
}
