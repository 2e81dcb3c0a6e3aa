import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Clock, Logger } from '../../../base/index.ts';
import type { Metrics } from '../metrics.ts';

interface SpanQueueDeps {
  readonly exporter: SpanExporter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'tracingSpans'>;
  /** Spans that may wait; more are dropped and counted. */
  readonly mostWaiting: number;
  readonly delayMs: number;
}

const mostSent = 512;
const stopMs = 5000;

/** Ended spans on their way to the collector, in batches, one after the other. Whoever ends a span never waits. */
export class SpanQueue implements SpanProcessor {
  readonly #deps: SpanQueueDeps;
  #waiting: ReadableSpan[] = [];
  #sending: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #failing = false;
  #closed = false;

  constructor(deps: SpanQueueDeps) {
    this.#deps = deps;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const { clock, metrics, mostWaiting, delayMs } = this.#deps;
    if (this.#closed || this.#waiting.length >= mostWaiting) {
      metrics.tracingSpans.inc({ outcome: 'dropped' });
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= mostSent) this.#send();
    else this.#cancelTimer ??= clock.after(delayMs, () => this.#send());
  }

  async forceFlush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#sending !== undefined) {
      this.#send();
      // oxlint-disable-next-line no-await-in-loop -- one batch after the other
      await this.#sending;
    }
  }

  /** Sends what waits, as far as that is possible within five seconds; the rest is dropped. */
  async shutdown(): Promise<void> {
    const { clock, exporter, metrics } = this.#deps;
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(stopMs, () => late.resolve());
    await Promise.race([this.forceFlush(), late.promise]);
    this.#closed = true;
    this.#cancelTimer?.();
    const lost = this.#waiting.splice(0).length;
    if (lost > 0) metrics.tracingSpans.inc({ outcome: 'dropped' }, lost);
    await Promise.race([exporter.shutdown().catch(() => {}), late.promise]);
    cancel();
  }

  #send(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#sending !== undefined || this.#waiting.length === 0 || this.#closed) return;
    const batch = this.#waiting.splice(0, mostSent);
    this.#sending = this.#export(batch).then((error) => {
      this.#sending = undefined;
      const { clock, logger, metrics, delayMs } = this.#deps;
      metrics.tracingSpans.inc({ outcome: error === undefined ? 'sent' : 'failed' }, batch.length);
      // A collector that is away is told about once.
      if (error !== undefined && !this.#failing)
        logger.warn({ error }, 'spans could not be sent to the collector');
      this.#failing = error !== undefined;
      if (this.#waiting.length > 0 && !this.#closed)
        this.#cancelTimer ??= clock.after(delayMs, () => this.#send());
    });
  }

  #export(batch: ReadableSpan[]): Promise<Error | undefined> {
    return new Promise((resolve) => {
      try {
        this.#deps.exporter.export(batch, ({ code, error }) =>
          resolve(code ? (error ?? new Error('the collector took no spans')) : undefined),
        );
      } catch (error) {
        resolve(error as Error);
      }
    });
  }
}
