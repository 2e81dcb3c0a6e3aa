import { AppError, type Clock, type HealthReport, type Logger } from '../../../base/index.ts';
import type {
  ConsumeOptions,
  RefusedEntry,
  StreamConsumer,
  StreamEntry,
  StreamHandler,
} from '../event-streams.ts';
import { pauseMs } from '../pause.ts';
import type { StreamSource } from './stream-source.ts';

const drainMs = 5000;
const notYet = 'The stream is being opened.';
const defaultBatch = 100;
const defaultAttempts = 5;
const defaultClaimAfterMs = 60_000;

export interface StreamReaderDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly source: StreamSource;
  readonly handler: StreamHandler;
  /** Writes an entry to the dead letters; resolves when it is kept. */
  readonly giveUp: (entry: StreamEntry, reason: string) => Promise<void>;
  readonly options: ConsumeOptions;
}

/** Reads one stream for one group: hands batches over, in order, and acknowledges what was handled. */
export class StreamReader implements StreamConsumer {
  readonly #deps: StreamReaderDeps;
  readonly #maxAttempts: number;
  readonly #maxDeliveries: number;
  /** Ends waits and reads; `#working` also what the handler does. */
  readonly #stopping = new AbortController();
  readonly #working = new AbortController();
  readonly #ended: Promise<void>;
  #fault: string | undefined = notYet;

  constructor(deps: StreamReaderDeps) {
    this.#deps = deps;
    this.#maxAttempts = deps.options.maxAttempts ?? defaultAttempts;
    this.#maxDeliveries = deps.options.maxDeliveries ?? this.#maxAttempts;
    this.#ended = this.#run();
  }

  health(): HealthReport {
    return this.#fault === undefined ? { status: 'ok' } : { status: 'down', detail: this.#fault };
  }

  async stop(): Promise<void> {
    const reason = new AppError('not_ready', 'the reader is stopping');
    this.#stopping.abort(reason);
    const cancel = this.#deps.clock.after(drainMs, () => this.#working.abort(reason));
    await this.#ended;
    cancel();
  }

  async #run(): Promise<void> {
    const { source, logger, clock } = this.#deps;
    for (let failures = 0; !this.#stopped;) {
      try {
        await source.open(this.#stopping.signal);
        if (this.#fault !== undefined && this.#fault !== notYet) logger.info({}, 'the stream is read again');
        this.#fault = undefined;
        for (;;) {
          const entries = await source.read(this.#deps.options.batch ?? defaultBatch, this.#stopping.signal);
          failures = 0;
          if (entries.length > 0) await this.#work(entries);
          if (this.#stopped) break;
        }
      } catch (error) {
        if (this.#stopped) break;
        failures += 1;
        if (this.#fault === undefined || this.#fault === notYet)
          logger.warn({ error }, 'the stream cannot be read; it is tried again');
        this.#fault = error instanceof AppError ? error.message : 'The stream cannot be read.';
        await clock.sleep(pauseMs(failures), { signal: this.#stopping.signal }).catch(() => {});
      }
    }
    await source.close();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #work(entries: readonly StreamEntry[]): Promise<void> {
    const { source, clock, logger, options } = this.#deps;
    const cancel = clock.every((options.claimAfterMs ?? defaultClaimAfterMs) / 3, () => {
      source.touch(entries).catch((error: unknown) => logger.debug({ error }, 'a stream entry was not kept'));
    });
    try {
      // Whoever ended its process so often gets no further one.
      for (const run of runsOf(entries, ({ attempt }) => attempt > this.#maxDeliveries)) {
        if (run.matches) {
          for (const entry of run.entries)
            await this.#giveUp(entry, `it was handed over ${entry.attempt - 1} times and never finished`);
        } else await this.#handle(run.entries);
      }
    } finally {
      cancel();
    }
  }

  /** Handles a batch to its end. One that fails is halved until the entry is alone that cannot be handled. */
  async #handle(batch: readonly StreamEntry[]): Promise<void> {
    for (let tries = 0, pauses = 0; ;) {
      const outcome = await this.#try(batch);
      if (outcome.error === undefined) {
        const reasons = new Map(outcome.refused.map(({ id, reason }) => [id, reason]));
        for (const entry of batch) {
          const reason = reasons.get(entry.id);
          if (reason !== undefined) await this.#bury(entry, reason);
        }
        await this.#deps.source.acknowledge(batch);
        return;
      }
      const { error } = outcome;
      if (this.#stopped) throw error;
      const passes = error instanceof AppError && error.retryable;
      if (!passes && batch.length > 1) {
        const middle = Math.ceil(batch.length / 2);
        await this.#handle(batch.slice(0, middle));
        await this.#handle(batch.slice(middle));
        return;
      }
      const [entry] = batch;
      if (!passes) tries += 1;
      if (entry !== undefined && !passes && tries >= this.#maxAttempts) {
        await this.#giveUp(entry, error.message);
        return;
      }
      pauses += 1;
      this.#deps.logger.warn(
        { error, entries: batch.length },
        'stream entries were not handled; they come again',
      );
      await this.#deps.clock.sleep(pauseMs(pauses), { signal: this.#stopping.signal });
    }
  }

  async #try(batch: readonly StreamEntry[]): Promise<Tried> {
    const { signal } = this.#working;
    try {
      signal.throwIfAborted();
      const late = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      return { refused: (await Promise.race([this.#deps.handler(batch, { signal }), late])) ?? [] };
    } catch (error) {
      return { error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  async #giveUp(entry: StreamEntry, reason: string): Promise<void> {
    await this.#bury(entry, reason);
    await this.#deps.source.acknowledge([entry]);
  }

  async #bury(entry: StreamEntry, reason: string): Promise<void> {
    const { giveUp, options, logger } = this.#deps;
    await giveUp(entry, reason);
    logger.error({ entry: entry.id, attempt: entry.attempt, reason }, 'a stream entry was given up');
    options.onDeadLetter?.(entry, reason);
  }
}

type Tried =
  | { readonly refused: readonly RefusedEntry[]; readonly error?: undefined }
  | { readonly error: Error };

/** Neighbours that a test says the same of, together and in order. */
function runsOf(
  entries: readonly StreamEntry[],
  test: (entry: StreamEntry) => boolean,
): readonly { readonly matches: boolean; readonly entries: readonly StreamEntry[] }[] {
  const runs: { matches: boolean; entries: StreamEntry[] }[] = [];
  for (const entry of entries) {
    const matches = test(entry);
    const last = runs.at(-1);
    if (last?.matches === matches) last.entries.push(entry);
    else runs.push({ matches, entries: [entry] });
  }
  return runs;
}
