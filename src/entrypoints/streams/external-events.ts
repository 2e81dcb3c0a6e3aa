import { createHash } from 'node:crypto';
import { isJsonObject, type Clock, type IdGenerator, type Logger, type Service } from '../../base/index.ts';
import type { BusSubscription, MessageBus } from '../../platform/bus/index.ts';
import type { BrokerEvent } from '../../platform/bus/index.ts';
import { defaultTenant } from '../../protocol/index.ts';
import type { ChannelState } from '../channels/index.ts';
import { LeasedRole } from './leased-role.ts';

export interface ExternalEventsDeps {
  readonly bus: MessageBus;
  readonly state: ChannelState;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  /** Makes an event durable, for sensors and for runs that wait for one. */
  readonly onEvent: (event: BrokerEvent) => Promise<void>;
}

const lease = { tenant: defaultTenant, channel: 'bus', accountId: 'external', key: 'reader' } as const;

/**
 * Takes events of the bus (`external.>`) in, in one process at a time: every process hears them, and they are to count
 * once. The bus carries at most once; a program that must not lose an event sends it to the API or to a broker.
 */
export class ExternalEvents implements Service {
  readonly name = 'external-events';
  readonly #deps: ExternalEventsDeps;
  readonly #role: LeasedRole;
  #subscription: BusSubscription | undefined;

  constructor(deps: ExternalEventsDeps) {
    this.#deps = deps;
    this.#role = new LeasedRole({ ...deps, lease, take: () => this.#take(), leave: () => this.#leave() });
  }

  start(): Promise<void> {
    return this.#role.start();
  }

  stop(): Promise<void> {
    return this.#role.stop();
  }

  async #take(): Promise<void> {
    const { bus, onEvent } = this.#deps;
    this.#subscription ??= await bus.subscribe('external.>', async (payload, { subject }) => {
      await onEvent({ id: idOf(subject, payload), name: subject, payload });
    });
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
