import type { Clock, IdGenerator, Logger } from '../../base/index.ts';
import type { ChannelState } from '../channels/index.ts';

export interface LeasedRoleDeps {
  readonly state: ChannelState;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly lease: Parameters<ChannelState['acquireLease']>[0];
  /** Does the work, or goes on with it. */
  readonly take: (owner: string) => Promise<void>;
  /** Lets go of it; also called where it was never taken. */
  readonly leave: () => Promise<void>;
}

const leaseMs = 15_000;
const renewMs = 5000;

/** Something that one process at a time does, whichever holds the lease; looked at every five seconds. */
export class LeasedRole {
  readonly #deps: LeasedRoleDeps;
  readonly #owner: string;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(deps: LeasedRoleDeps) {
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
    const { state, logger, lease, leave } = this.#deps;
    this.#cancel();
    this.#cancel = undefined;
    await this.#looking;
    await leave();
    await state.releaseLease(lease, this.#owner).catch((error: unknown) => {
      logger.debug({ error, key: lease.key, channel: lease.channel }, 'a lease was not given back');
    });
  }

  async #look(): Promise<void> {
    const { state, logger, lease, take, leave } = this.#deps;
    try {
      const isOurs = await state.acquireLease(lease, this.#owner, leaseMs);
      if (isOurs && this.#cancel !== undefined) await take(this.#owner);
      else await leave();
    } catch (error) {
      // Whoever writes looks at the lease again there, so nothing is written by two.
      logger.debug({ error, key: lease.key, channel: lease.channel }, 'a lease was not renewed');
    }
  }
}
