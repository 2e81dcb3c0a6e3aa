import type { Clock } from '../../../base/index.ts';

/** More calls than this do not wait for one group. */
const longest = 1000;

/** Calls that wait until a deployment of their group has room; whoever waits longest is told first. */
export class RoomQueue {
  readonly #waiting: (() => void)[] = [];

  /** Resolves when a call of the group has ended or `milliseconds` have passed; rejects with the signal's reason. `false` when too many wait. */
  wait(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<boolean> {
    if (this.#waiting.length >= longest) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        const place = this.#waiting.indexOf(go);
        if (place >= 0) this.#waiting.splice(place, 1);
      };
      const go = (): void => {
        leave();
        resolve(true);
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      const cancel = clock.after(milliseconds, go);
      this.#waiting.push(go);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** A call has ended: the next one may look. */
  release(): void {
    this.#waiting[0]?.();
  }
}
