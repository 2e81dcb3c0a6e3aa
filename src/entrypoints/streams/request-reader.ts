import type { Clock, HealthReport, IdGenerator, Logger, Service } from '../../base/index.ts';
import type { EventStreams, StreamConsumer } from '../../platform/bus/index.ts';
import { agentStreams, defaultTenant } from '../../protocol/index.ts';
import { holdsLease, type ChannelState } from '../channels/index.ts';
import { acceptRequests, type AcceptRequestsDeps } from './accept-requests.ts';

export interface RequestReaderDeps extends AcceptRequestsDeps {
  readonly streams: EventStreams;
  readonly state: ChannelState;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
}

const group = 'agent33';
const leaseMs = 15_000;
const renewMs = 5000;
const batch = 500;
const maxAttempts = 10;
/** A request takes no process down by being written; restarts in a row are an outage. */
const maxDeliveries = 100;
const keepMs = 3_600_000;
const lease = {
  tenant: defaultTenant,
  channel: 'streams',
  accountId: agentStreams.requests,
  key: 'reader',
} as const;

/**
 * Reads `agent:requests`, in one process at a time: several readers would mix up the order within a session. The lease
 * is looked at again in each transaction, so a reader that was held up writes nothing late.
 */
export class RequestReader implements Service {
  readonly name = 'stream-requests';
  readonly #deps: RequestReaderDeps;
  readonly #owner: string;
  #consumer: StreamConsumer | undefined;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(deps: RequestReaderDeps) {
    this.#deps = deps;
    this.#owner = deps.ids('wrk');
  }

  start(): Promise<void> {
    if (this.#cancel !== undefined) return Promise.resolve();
    const look = (): void => {
      this.#looking = this.#looking.then(() => this.#look());
    };
    this.#cancel = this.#deps.clock.every(renewMs, look);
    look();
    return this.#looking;
  }

  async stop(): Promise<void> {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    await this.#looking;
    await this.#leave();
    await this.#deps.state.releaseLease(lease, this.#owner).catch((error: unknown) => {
      this.#deps.logger.debug({ error }, 'a lease was not given back');
    });
  }

  health(): HealthReport {
    if (this.#consumer === undefined)
      return { status: 'ok', detail: 'Another process reads the requests.', metrics: { reads: false } };
    return { ...this.#consumer.health(), metrics: { reads: true } };
  }

  /** Takes or keeps the lease, and reads while it is ours. */
  async #look(): Promise<void> {
    const { state, logger } = this.#deps;
    try {
      const isOurs = await state.acquireLease(lease, this.#owner, leaseMs);
      if (isOurs && this.#cancel !== undefined) this.#consumer ??= this.#read();
      else await this.#leave();
    } catch (error) {
      // Without the database nothing is written either; the lease is looked at there.
      logger.debug({ error }, 'the lease of the requests was not renewed');
    }
  }

  #read(): StreamConsumer {
    const { streams, metrics } = this.#deps;
    return streams.consume(
      agentStreams.requests,
      group,
      (entries) => acceptRequests(this.#deps, entries, (trx) => holdsLease(trx, lease, this.#owner)),
      {
        sole: true,
        batch,
        maxAttempts,
        maxDeliveries,
        keepMs,
        deadLetters: agentStreams.dead,
        onDeadLetter: () => metrics.streamRequests.inc({ outcome: 'dead' }),
      },
    );
  }

  async #leave(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    await consumer?.stop();
  }
}
