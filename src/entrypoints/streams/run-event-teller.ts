import type { Clock, Logger, Service } from '../../base/index.ts';
import { fanOut, type FanOutTarget } from '../../platform/bus/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { RunTarget, StoredRunEvent } from '../../protocol/index.ts';
import { tellable, type TellableEvent } from './run-event-subject.ts';

export interface RunEventTellerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Who is told, each for itself: the bus, `agent:events`, a broker. */
  readonly targets: readonly FanOutTarget<TellableEvent>[];
}

const mostWaiting = 10_000;
const mostRuns = 10_000;
const side = 64;
const timeoutMs = 5000;
const drainMs = 3000;

/**
 * Tells other programs what happens in the runs of this process, in order per target. For watching only: what a target
 * does not take in time, or does not fit while it is slow, is dropped for it and counted; the database has it all.
 */
export class RunEventTeller implements Service {
  readonly name = 'run-events';
  readonly #deps: RunEventTellerDeps;
  readonly #targets = new Map<string, RunTarget>();
  readonly #lines: readonly Line[];
  #running = false;

  constructor(deps: RunEventTellerDeps) {
    this.#deps = deps;
    this.#lines = deps.targets.map((target) => new Line(deps, target));
  }

  start(): Promise<void> {
    this.#running = true;
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#deps.clock.after(drainMs, resolve);
    });
    await Promise.race([Promise.all(this.#lines.map((line) => line.drained())), late]);
    cancel();
  }

  /** Never throws, and returns at once. */
  tell(stored: StoredRunEvent): void {
    if (!this.#running) return;
    const { runId, event } = stored;
    if (event.type === 'run-start') this.#targets.set(runId, event.target);
    if (this.#targets.size > mostRuns) {
      for (const oldest of this.#targets.keys()) {
        this.#targets.delete(oldest);
        break;
      }
    }
    const told = tellable(stored, this.#targets.get(runId));
    if (event.type === 'run-end') this.#targets.delete(runId);
    if (told !== undefined) for (const line of this.#lines) line.offer(told);
  }
}

/** Events on their way to one target. */
class Line {
  readonly #deps: RunEventTellerDeps;
  readonly #target: FanOutTarget<TellableEvent>;
  #waiting: TellableEvent[] = [];
  #running: Promise<void> | undefined;
  #isFailing = false;

  constructor(deps: RunEventTellerDeps, target: FanOutTarget<TellableEvent>) {
    this.#deps = deps;
    this.#target = target;
  }

  offer(event: TellableEvent): void {
    if (this.#waiting.length >= mostWaiting) {
      this.#count('dropped', 1);
      return;
    }
    this.#waiting.push(event);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      // Handed over in order; a carrier keeps the order of what it is given by one client.
      const batch = this.#waiting.splice(0, side);
      const results = await Promise.all(
        batch.map((event) => fanOut([this.#target], event, { clock: this.#deps.clock, timeoutMs })),
      );
      const failed = results.flat().filter(({ ok }) => !ok);
      this.#count('told', batch.length - failed.length);
      this.#count('dropped', failed.length);
      const [first] = failed;
      if (first !== undefined && !this.#isFailing)
        this.#deps.logger.warn({ target: this.#target.name, error: first.error }, 'events are not taken');
      this.#isFailing = first !== undefined;
    }
  }

  #count(outcome: string, count: number): void {
    if (count > 0) this.#deps.metrics.runEventsTold.inc({ target: this.#target.name, outcome }, count);
  }
}
