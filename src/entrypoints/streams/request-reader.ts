import type { Clock, HealthReport, IdGenerator, Logger, Service } from '../../base/index.ts';
import type { EventStreams, StreamConsumer } from '../../platform/bus/index.ts';
import { agentStreams, defaultTenant } from '../../protocol/index.ts';
import { holdsLease, type ChannelState } from '../channels/index.ts';
import { LeasedRole } from './leased-role.ts';
import { acceptRequests, type AcceptRequestsDeps } from './accept-requests.ts';

export interface RequestReaderDeps extends AcceptRequestsDeps {
  readonly streams: EventStreams;
  readonly state: ChannelState;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
}

const group = 'agent33';
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
  readonly #role: LeasedRole;
  #consumer: StreamConsumer | undefined;

  constructor(deps: RequestReaderDeps) {
    this.#deps = deps;
    this.#role = new LeasedRole({
      ...deps,
      lease,
      take: async (owner) => void (this.#consumer ??= this.#read(owner)),
      leave: () => this.#leave(),
    });
  }

  start(): Promise<void> {
    return this.#role.start();
  }

  stop(): Promise<void> {
    return this.#role.stop();
  }

  health(): HealthReport {
    if (this.#consumer === undefined)
      return { status: 'ok', detail: 'Another process reads the requests.', metrics: { reads: false } };
    return { ...this.#consumer.health(), metrics: { reads: true } };
  }

  #read(owner: string): StreamConsumer {
    const { streams, metrics } = this.#deps;
    return streams.consume(
      agentStreams.requests,
      group,
      (entries) => acceptRequests(this.#deps, entries, (trx) => holdsLease(trx, lease, owner)),
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
