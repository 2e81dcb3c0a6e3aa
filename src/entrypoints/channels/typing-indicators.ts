import { withDeadline, type Clock } from '../../base/index.ts';
import type { ReplyAddress } from '../../protocol/index.ts';
import type { ChannelAdapter } from './channel-adapter.ts';
import { SendError } from './send-error.ts';

const longestTypingMs = 5 * 60_000;
const mostFailures = 3;
/** A platform takes some thirty calls a second of an account, and answers come first. */
const mostShown = 100;
const callTimeoutMs = 4000;

export interface TypingIndicatorsDeps {
  readonly clock: Clock;
  /** Is something of the run still to be said? Another process may have said it. */
  readonly isOwed: (runId: string) => Promise<boolean>;
}

/**
 * Shows "typing" for runs under way. Best effort: ends by itself when nothing is owed any more, after five minutes, after
 * three failures in a row, and at once when the platform refuses the credentials; nothing is ever repeated. Where very
 * many wait, it is shown to some of them only.
 */
export class TypingIndicators {
  readonly #deps: TypingIndicatorsDeps;
  readonly #active = new Map<string, () => void>();

  constructor(deps: TypingIndicatorsDeps) {
    this.#deps = deps;
  }

  /** Begins for a run, unless the platform shows no typing. */
  begin(runId: string, adapter: ChannelAdapter, address: ReplyAddress): void {
    const interval = adapter.capabilities.typingIntervalMs;
    if (interval === undefined || this.#active.has(runId) || this.#active.size >= mostShown) return;
    const { clock, isOwed } = this.#deps;
    const until = clock.now() + longestTypingMs;
    const stopped = new AbortController();
    let failures = 0;
    let isFirst = true;
    let cancel = (): void => {};
    const show = async (): Promise<void> => {
      if (clock.now() >= until) {
        this.end(runId);
        return;
      }
      const deadline = withDeadline(clock, callTimeoutMs, stopped.signal);
      try {
        // The run has only just been accepted when it is shown first.
        if (!isFirst && !(await isOwed(runId))) this.end(runId);
        isFirst = false;
        if (stopped.signal.aborted) return;
        await adapter.typing(address, { signal: deadline.signal });
        failures = 0;
      } catch (error) {
        failures += 1;
        const refused = error instanceof SendError && error.unauthorized;
        if (refused || failures >= mostFailures) this.end(runId);
      } finally {
        deadline.clear();
      }
      if (!stopped.signal.aborted) cancel = clock.after(interval, () => void show());
    };
    this.#active.set(runId, () => {
      stopped.abort(new Error('typing has ended'));
      cancel();
    });
    void show();
  }

  /** Ends for a run; one that shows nothing is no fault. */
  end(runId: string): void {
    this.#active.get(runId)?.();
    this.#active.delete(runId);
  }

  endAll(): void {
    for (const runId of this.#active.keys()) this.end(runId);
  }

  get size(): number {
    return this.#active.size;
  }
}
