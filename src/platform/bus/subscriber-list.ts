import { withDeadline, type Clock, type Json, type Logger } from '../../base/index.ts';
import type { BusHandler } from './bus.ts';
import { OrderedMailbox } from './ordered-mailbox.ts';
import { compilePattern } from './subject.ts';

/** A message of the bus. */
export interface BusMessage {
  readonly subject: string;
  readonly payload: Json;
}

/** One subscription: which subjects it wants, and its messages in order. */
export interface Subscriber {
  readonly matches: (subject: string) => boolean;
  /** Puts a message into its mailbox, in order; when that stays full for a second the message is dropped with a warning. */
  offer(message: BusMessage): Promise<void>;
}

interface SubscriberListDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Messages that may wait for one subscriber (default 10,000). */
  readonly capacity?: number;
}

const defaultCapacity = 10_000;
const patienceMs = 1000;
const drainMs = 5000;

/** The subscriptions of a bus in this process, each with a mailbox of its own. */
export class SubscriberList {
  readonly #deps: SubscriberListDeps;
  readonly #mailboxes = new Map<Subscriber, OrderedMailbox<BusMessage>>();

  constructor(deps: SubscriberListDeps) {
    this.#deps = deps;
  }

  /** Error: `invalid_request` for a malformed pattern. `remove` may be called twice. */
  add(pattern: string, handler: BusHandler): { subscriber: Subscriber; remove: () => void } {
    const { clock, logger, capacity = defaultCapacity } = this.#deps;
    const mailbox = new OrderedMailbox<BusMessage>({
      clock,
      capacity,
      patienceMs,
      handle: async ({ subject, payload }) => {
        try {
          await handler(payload, { subject });
        } catch (error) {
          logger.error({ subject, pattern, error }, 'bus handler failed');
        }
      },
    });
    const subscriber: Subscriber = {
      matches: compilePattern(pattern),
      offer: async (message) => {
        if (!(await mailbox.offer(message)))
          logger.warn({ subject: message.subject }, 'bus message dropped: a subscriber is too slow');
      },
    };
    this.#mailboxes.set(subscriber, mailbox);
    return {
      subscriber,
      remove: () => {
        this.#mailboxes.delete(subscriber);
        mailbox.close();
      },
    };
  }

  /** Those that want a subject. */
  of(subject: string): readonly Subscriber[] {
    return [...this.#mailboxes.keys()].filter(({ matches }) => matches(subject));
  }

  /** Lets handlers finish what waits for them, 5 s at most, and forgets all. */
  async drain(): Promise<void> {
    const { clock, logger } = this.#deps;
    const { signal, clear } = withDeadline(clock, drainMs);
    const drained = Promise.all([...this.#mailboxes.values()].map((mailbox) => mailbox.drained()));
    const tooLate = new Promise<'late'>((resolve) => {
      signal.addEventListener('abort', () => resolve('late'), { once: true });
    });
    if ((await Promise.race([drained, tooLate])) === 'late')
      logger.warn({ afterMs: drainMs }, 'bus subscribers did not finish in time');
    clear();
    for (const mailbox of this.#mailboxes.values()) mailbox.close();
    this.#mailboxes.clear();
  }
}
