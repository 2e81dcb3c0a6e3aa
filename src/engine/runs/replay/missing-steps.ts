import type { Clock } from '../../../base/index.ts';
import { RunInterruption } from '../interruptions.ts';
import type { AskedStep } from './replay-outcome.ts';

/** How long nothing may be under way before what is missing counts as all there is. */
const settleMs = 10;
/** How long an executor may take to come to an end after it was told that nothing more comes. */
const longestEndMs = 5000;

interface MissingStep {
  readonly key: string;
  readonly asked: AskedStep;
  readonly reject: (reason: RunInterruption) => void;
}

/**
 * Steps that a recording does not answer. When a replay does nothing but wait for them, they end as those do that an
 * executor gives up: a branch that was stopped beside a failed one goes on with that, everything else ends.
 */
export class MissingSteps {
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  #waiting: MissingStep[] = [];
  #given: readonly MissingStep[] = [];
  #underWay = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** The first of those that were given up last: what an execution that ended with them could not do without. */
  get culprit(): Pick<MissingStep, 'key' | 'asked'> | undefined {
    return this.#given[0] ?? this.#waiting[0];
  }

  /** Told with +1 and −1 around work that is no step. */
  change(by: 1 | -1): void {
    this.#underWay += by;
    this.#check();
  }

  add(key: string, asked: AskedStep): Promise<never> {
    return new Promise((_, reject) => {
      this.#waiting.push({ key, asked, reject });
      this.#check();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  #check(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#underWay > 0 || this.#waiting.length === 0) return;
    this.#cancel = this.#clock.after(settleMs, () => this.#giveUp());
  }

  #giveUp(): void {
    this.#given = this.#waiting;
    this.#waiting = [];
    this.#cancel = this.#clock.after(longestEndMs, this.#onEnd);
    for (const { key, reject } of this.#given)
      reject(new RunInterruption('suspended', `step "${key}" is not recorded`));
  }
}
