import { createHash } from 'node:crypto';
import { isJsonObject, type Clock, type IdGenerator, type Logger, type Service } from '../../base/index.ts';
import type { BusSubscription, MessageBus } from '../../platform/bus/index.ts';
import type { BrokerEvent } from '../../platform/bus/index.ts';
import { defaultTenant } from '../../protocol/index.ts';
import type { ChannelState } from '../channels/index.ts';

export interface ExternalEventsDeps {
  readonly bus: MessageBus;
  readonly state: ChannelState;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  /** Makes an event durable, for sensors and for runs that wait for one. */
  readonly onEvent: (event: BrokerEvent) => Promise<void>;
}

const leaseMs = 15_000;
const renewMs = 5000;
const lease = { tenant: defaultTenant, channel: 'bus', accountId: 'external', key: 'reader' } as const;

/**
 * Takes events of the bus (`external.>`) in, in one process at a time: every process hears them, and they are to count
 * once. The bus carries at most once; a program that must not lose an event sends it to the API or to a broker.
 */
export class ExternalEvents implements Service {
  readonly name = 'external-events';
  readonly #deps: ExternalEventsDeps;
  readonly #owner: string;
  #subscription: BusSubscription | undefined;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(deps: ExternalEventsDeps) {
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

  async #look(): Promise<void> {
    const { state, bus, logger } = this.#deps;
    try {
      const isOurs = await state.acquireLease(lease, this.#owner, leaseMs);
      if (!isOurs || this.#cancel === undefined) await this.#leave();
      else
        this.#subscription ??= await bus.subscribe('external.>', async (payload, { subject }) => {
          await this.#deps.onEvent({ id: idOf(subject, payload), name: subject, payload });
        });
    } catch (error) {
      logger.debug({ error }, 'events of the bus are not taken in at present');
    }
  }

  async #leave(): Promise<void> {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.unsubscribe();
  }
}

/** The sender's id, so that an event that was heard twice counts once. */
function idOf(subject: string, payload: unknown): string | undefined {
  const id = isJsonObject(payload) ? (payload['event_id'] ?? payload['id']) : undefined;
  if (typeof id !== 'string' && typeof id !== 'number') return undefined;
  return `bus:${createHash('sha256').update(`${subject}\n${id}`).digest('base64url')}`;
}
