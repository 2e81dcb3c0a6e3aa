import type { Clock, Logger } from '../../base/index.ts';
import type { QueueConsumer, QueueJob } from './queue.ts';

export interface QueuePumpDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly concurrency: number;
  readonly pollIntervalMs: number;
  /** A fetch that brings so many may have left some behind, though there was room for them. */
  readonly fullBatch: number;
  /** Claims up to `limit` jobs. */
  readonly fetch: (limit: number) => Promise<readonly QueueJob[]>;
  /** Runs one job to its end and settles it; never rejects. */
  readonly run: (job: QueueJob) => Promise<void>;
}

const firstBackoffMs = 100;
const longestBackoffMs = 5_000;

/** Keeps up to `concurrency` jobs of one queue under way: fetches in batches, at once when woken, else at intervals. */
export class QueuePump implements QueueConsumer {
  readonly #deps: QueuePumpDeps;
  readonly #running = new Set<Promise<void>>();
  /** Resolves when the pump has been stopped and all its jobs have ended. */
  readonly ended: Promise<void>;
  #woken = true;
  readonly #stopping = new AbortController();
  #wakeSleeper = (): void => {};

  constructor(deps: QueuePumpDeps) {
    this.#deps = deps;
    this.ended = this.#loop()
      .then(() => Promise.all(this.#running))
      .then(() => {});
  }

  get active(): number {
    return this.#running.size;
  }

  wake(): void {
    this.#woken = true;
    this.#wakeSleeper();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.ended;
  }

  async #loop(): Promise<void> {
    const { clock, logger, concurrency, pollIntervalMs, fullBatch } = this.#deps;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      const free = concurrency - this.#running.size;
      // Without room only the end of a job matters, and that wakes too.
      if (free === 0 || !this.#woken) {
        await this.#sleep(free === 0 ? undefined : pollIntervalMs);
        this.#woken = true;
        continue;
      }
      this.#woken = false;
      try {
        const jobs = await this.#deps.fetch(free);
        for (const job of jobs) this.#start(job);
        // They go first: on the embedded database the next look would stand before their first statement.
        if (jobs.length > 0) await new Promise(setImmediate);
        // More may wait. Fewer than asked for were all: the next of their keys come when they end.
        if (jobs.length >= Math.min(free, fullBatch)) this.#woken = true;
        if (failures > 0) logger.info({ failures }, 'the queue answers again');
        failures = 0;
      } catch (error) {
        if (failures === 0) logger.warn({ error: String(error) }, 'cannot fetch jobs; trying again');
        const backoff = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(failures, 10));
        failures += 1;
        await clock.sleep(backoff, { signal: this.#stopping.signal }).catch(() => {});
        this.#woken = true;
      }
    }
  }

  #start(job: QueueJob): void {
    const running = Promise.resolve(job)
      .then(this.#deps.run)
      .finally(() => {
        this.#running.delete(running);
        // The next job of this key has become free.
        this.wake();
      });
    this.#running.add(running);
  }

  // Until woken, or until the interval is over; without one, until woken.
  #sleep(milliseconds: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer =
        milliseconds === undefined
          ? (): void => {}
          : this.#deps.clock.after(milliseconds, () => this.#wakeSleeper());
      this.#wakeSleeper = () => {
        cancelTimer();
        this.#wakeSleeper = () => {};
        resolve();
      };
    });
  }
}
