import type { Clock, IdGenerator, Logger, Service } from '../../base/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { Queue, QueueConsumer, QueueJob } from '../../platform/queue/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { AccountPacer } from './account-pacer.ts';
import type { ChannelAdapter } from './channel-adapter.ts';
import { deliverResponse, type DeliverySettings } from './deliver-response.ts';
import { DeliveryStore, type Delivery, type DeliveryEnd } from './delivery-store.ts';
import type { ReplyPreviews } from './previews/reply-previews.ts';
import { deliverToStreams, type StreamReplies } from './stream-replies.ts';

const drainMs = 5000;
// How late a delivery that waits for its time is looked at again; new ones are told at once.
const pollIntervalMs = 2000;

/** What the delivery of responses stands on. */
export interface DeliveryWorkerDeps {
  readonly storage: Storage;
  readonly files: FileStore;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: DeliverySettings;
  readonly pacer: AccountPacer;
  readonly previews: ReplyPreviews;
}

/** What the worker asks of and tells the channels. */
export interface DeliveryWorkerParts {
  readonly adapterOf: (channel: string) => ChannelAdapter | undefined;
  /** For responses that go to streams; without it they wait. */
  readonly streams?: StreamReplies;
  readonly onSettled: (delivered: {
    channel: string;
    runId: string;
    end: DeliveryEnd;
    delivery: Delivery;
  }) => void;
}

/** Delivers responses from the queue `deliveries`, in order per conversation. */
export class DeliveryWorker implements Service {
  readonly name = 'delivery';
  readonly #deps: DeliveryWorkerDeps;
  readonly #parts: DeliveryWorkerParts;
  readonly #store: DeliveryStore;
  #running: { consumer: QueueConsumer; waiting: AbortController; sending: AbortController } | undefined;

  constructor(deps: DeliveryWorkerDeps, parts: DeliveryWorkerParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.#store = new DeliveryStore(deps);
  }

  start(): Promise<void> {
    if (this.#running !== undefined) return Promise.resolve();
    const { queue, settings } = this.#deps;
    const waiting = new AbortController();
    const sending = new AbortController();
    const consumer = queue.consume(
      'deliveries',
      { concurrency: settings.concurrency, perGroup: settings.perReceiver, pollIntervalMs },
      (job) => this.#deliver(job, { waiting: waiting.signal, sending: sending.signal }),
    );
    this.#running = { consumer, waiting, sending };
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    // A send under way may end; waits are cut short and their jobs go back to the queue.
    running.waiting.abort(new Error('the process is stopping'));
    const cancel = this.#deps.clock.after(drainMs, () =>
      running.sending.abort(new Error('the process is stopping')),
    );
    await running.consumer.stop();
    cancel();
  }

  /** Looks for deliveries now. */
  wake(): void {
    this.#running?.consumer.wake();
  }

  async #deliver(job: QueueJob, signals: { waiting: AbortSignal; sending: AbortSignal }): Promise<void> {
    const outboxId = job.payload['outboxId'];
    if (typeof outboxId !== 'string') {
      this.#deps.logger.error({ jobId: job.id }, 'a delivery job names no response and was dropped');
      return;
    }
    const delivery = await this.#store.begin(job, outboxId);
    if (delivery === undefined) return;
    const tools = { ...this.#deps, store: this.#store };
    const outcome =
      delivery.address.streams === undefined
        ? await deliverResponse(tools, this.#parts.adapterOf, delivery, signals)
        : await deliverToStreams(tools, this.#parts.streams, delivery, delivery.address.streams, signals);
    if (outcome.status === 'paused') {
      await this.#store.postpone(job, delivery, outcome);
      return;
    }
    await this.#store.settle(job, delivery, outcome, this.#deps.clock.now());
    const { channel } = delivery.address;
    this.#deps.metrics.channelMessages.inc({ channel, direction: 'out', status: outcome.status });
    this.#parts.onSettled({ channel, runId: delivery.runId, end: outcome, delivery });
  }
}
