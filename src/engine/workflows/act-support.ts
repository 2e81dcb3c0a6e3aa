import { AppError, type Clock } from '../../base/index.ts';
import type { Slots } from './slots.ts';
import type { StepSite } from './step-site.ts';
import { BranchStopped, type StopScope } from './stop-scope.ts';

/** How long a stopped act may take to come to an end that still counts. */
const graceMs = 2000;

/** Errors that concern the run as a whole: no step fails with them, no `on_error` sees them. */
const ofThePlatform: readonly string[] = [
  'nondeterministic_run',
  'storage_unavailable',
  'storage_full',
  'not_ready',
];

/** True for an error that is an outcome of a step; others end the execution. */
export function isStepFailure(error: unknown): error is AppError {
  return error instanceof AppError && !ofThePlatform.includes(error.code);
}

/** A slot that is held while something is done and given back while it waits. */
export class SlotHold {
  readonly #slots: Slots | undefined;
  #held = false;

  constructor(slots: Slots | undefined) {
    this.#slots = slots;
  }

  async take(): Promise<void> {
    if (this.#slots === undefined || this.#held) return;
    if (!this.#slots.tryTake()) await this.#slots.take();
    this.#held = true;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#slots?.release();
  }

  async without<T>(wait: () => Promise<T>): Promise<T> {
    this.release();
    const result = await wait();
    await this.take();
    return result;
  }
}

/** Lets pass what the journal answers; everything else is over once the scope is stopped. */
export function gate(site: StepSite, stop: StopScope, key: string): void {
  if (stop.stopped && !site.execution.context.recorded(key)) throw new BranchStopped();
}

/**
 * The outcome of something that ends with its scope: it may come to an end within a grace time, then it is given up.
 * What waits durably has no end of its own; for it there is no grace.
 */
export function untilStopped<T>(
  stop: StopScope,
  work: Promise<T>,
  grace: { readonly clock: Clock } | undefined,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let cancelGrace = (): void => {};
    const giveUp = (): void => reject(new BranchStopped());
    const leave = stop.onStop(() => {
      // What answers from the journal comes before any timer or macrotask.
      if (grace === undefined) setImmediate(giveUp);
      else cancelGrace = grace.clock.after(graceMs, giveUp);
    });
    const settle = (finish: () => void): void => {
      leave();
      cancelGrace();
      finish();
    };
    work.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) =>
        settle(() => reject(stop.stopped && !isStepFailure(error) ? new BranchStopped() : (error as Error))),
    );
  });
}

/** Waits durably for something that is journaled under `key`. */
export async function pauseDurably<T>(site: StepSite, key: string, wait: () => Promise<T>): Promise<T> {
  gate(site, site.stop, key);
  const { recorded } = site.execution.context;
  if (!recorded(key)) site.waits();
  return untilStopped(site.stop, wait(), undefined);
}
