import { AppError, type Clock } from '../../../base/index.ts';
import { raceAbort } from './race-abort.ts';

/** The time that one call of a provider may take; both are part of every provider's options. */
export interface CallTimes {
  /** From the request to the end of the answer. Default 120,000. */
  readonly timeoutMs?: number;
  /** Longest silence once the answer has begun; a model may think for longer than that before. Default 60,000. */
  readonly idleTimeoutMs?: number;
}

/** Bounds of one call: its signal aborts on the caller's abort, at the deadline, or after too long a silence. */
export interface CallLimits {
  readonly signal: AbortSignal;
  /** Something of the answer has come: the idle time starts anew. */
  touch(): void;
  /** The promise's outcome, or the abort's reason when that comes first, whatever the promise does about it. */
  race<T>(promise: PromiseLike<T>): Promise<T>;
  /** Ends timers and whatever upstream work still listens to the signal. */
  close(): void;
}

/** Starts the bounds of one call; `who` names the other side in the error. */
export function limitCall(
  deps: { readonly clock: Clock; readonly who: string; readonly signal: AbortSignal } & CallTimes,
): CallLimits {
  const { clock, who, signal: parent, timeoutMs = 120_000, idleTimeoutMs = 60_000 } = deps;
  const controller = new AbortController();
  const { signal } = controller;
  const onParentAbort = (): void => controller.abort(parent.reason);
  if (parent.aborted) onParentAbort();
  else parent.addEventListener('abort', onParentAbort, { once: true });
  const stopDeadline = clock.after(timeoutMs, () =>
    controller.abort(
      new AppError('timeout', `${who} did not finish its answer within ${timeoutMs / 1000} s.`),
    ),
  );
  let lastSignMs = 0;
  let stopIdle: (() => void) | undefined;
  // One timer that looks back, instead of a new one for each part of the answer.
  const watchSilence = (waitMs: number): void => {
    stopIdle = clock.after(waitMs, () => {
      const silentMs = clock.now() - lastSignMs;
      if (silentMs < idleTimeoutMs) watchSilence(idleTimeoutMs - silentMs);
      else
        controller.abort(
          new AppError(
            'timeout',
            `${who} fell silent for ${idleTimeoutMs / 1000} s in the middle of its answer.`,
          ),
        );
    });
  };
  return {
    signal,
    touch: () => {
      lastSignMs = clock.now();
      if (stopIdle === undefined) watchSilence(idleTimeoutMs);
    },
    race: (promise) => raceAbort(promise, signal),
    close: () => {
      stopDeadline();
      stopIdle?.();
      parent.removeEventListener('abort', onParentAbort);
      controller.abort(new DOMException('the call is over', 'AbortError'));
    },
  };
}
