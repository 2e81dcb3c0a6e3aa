import { AppError, toAppError, withDeadline, type Clock, type Json, type Logger } from '../../base/index.ts';
import type { BusHandler, BusSubscription, MessageBus } from './bus.ts';
import { OrderedMailbox } from './ordered-mailbox.ts';
import { assertSubject, compilePattern } from './subject.ts';

interface BusMessage {
  readonly subject: string;
  readonly payload: Json;
}

interface Subscriber {
  readonly matches: (subject: string) => boolean;
  readonly mailbox: OrderedMailbox<BusMessage>;
}

interface Responder {
  readonly matches: (subject: string) => boolean;
  readonly handler: (payload: Json, context: { readonly subject: string }) => Promise<Json>;
}

interface InProcessBusDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Messages that may wait for one subscriber (default 10,000). */
  readonly capacity?: number;
}

const patienceMs = 1000;
const drainMs = 5000;
const requestTimeoutMs = 5000;

/**
 * The bus of a single process.
 *
 * A subscriber that falls behind by its whole capacity makes publishers wait for up to one second; a message that finds no
 * room by then is dropped for this subscriber only, with a warning. `stop` lets subscribers finish what they were sent.
 */
export class InProcessBus implements MessageBus {
  readonly name = 'bus';
  readonly #deps: InProcessBusDeps;
  readonly #subscribers = new Set<Subscriber>();
  readonly #responders = new Set<Responder>();
  #running = false;
  #turn = 0;

  constructor(deps: InProcessBusDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#running = true;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    const { clock, logger } = this.#deps;
    const { signal, clear } = withDeadline(clock, drainMs);
    const drained = Promise.all([...this.#subscribers].map(({ mailbox }) => mailbox.drained()));
    const tooLate = new Promise<'late'>((resolve) => {
      signal.addEventListener('abort', () => resolve('late'), { once: true });
    });
    if ((await Promise.race([drained, tooLate])) === 'late') {
      logger.warn({ afterMs: drainMs }, 'bus subscribers did not finish in time');
    }
    clear();
    for (const { mailbox } of this.#subscribers) mailbox.close();
    this.#subscribers.clear();
    this.#responders.clear();
  }

  async publish(subject: string, payload: Json): Promise<void> {
    assertSubject(subject);
    this.#assertRunning();
    const offers: Promise<boolean>[] = [];
    for (const subscriber of this.#subscribers) {
      if (subscriber.matches(subject)) offers.push(subscriber.mailbox.offer({ subject, payload }));
    }
    for (const taken of await Promise.all(offers)) {
      if (!taken) this.#deps.logger.warn({ subject }, 'bus message dropped: a subscriber is too slow');
    }
  }

  async subscribe(pattern: string, handler: BusHandler): Promise<BusSubscription> {
    const { clock, logger, capacity = 10_000 } = this.#deps;
    const subscriber: Subscriber = {
      matches: compilePattern(pattern),
      mailbox: new OrderedMailbox<BusMessage>({
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
      }),
    };
    this.#subscribers.add(subscriber);
    return {
      unsubscribe: async () => {
        this.#subscribers.delete(subscriber);
        subscriber.mailbox.close();
      },
    };
  }

  async request(
    subject: string,
    payload: Json,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<Json> {
    assertSubject(subject);
    this.#assertRunning();
    const candidates = [...this.#responders].filter(({ matches }) => matches(subject));
    const responder = candidates[this.#turn % Math.max(1, candidates.length)];
    this.#turn += 1;
    if (responder === undefined) throw new AppError('not_found', `nobody answers on "${subject}"`);
    const timeoutMs = options.timeoutMs ?? requestTimeoutMs;
    const { signal, clear } = withDeadline(this.#deps.clock, timeoutMs, options.signal);
    try {
      return await new Promise<Json>((resolve, reject) => {
        const onAbort = (): void => {
          const reason = signal.reason as Error;
          reject(
            options.signal?.aborted
              ? reason
              : new AppError('timeout', `no answer on "${subject}" within ${timeoutMs} ms`, {
                  cause: reason,
                }),
          );
        };
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        Promise.resolve()
          .then(() => responder.handler(payload, { subject }))
          .then(resolve, (error: unknown) => reject(toAppError(error)));
      });
    } finally {
      clear();
    }
  }

  async respond(
    pattern: string,
    handler: (payload: Json, context: { readonly subject: string }) => Promise<Json>,
  ): Promise<BusSubscription> {
    const responder: Responder = { matches: compilePattern(pattern), handler };
    this.#responders.add(responder);
    return { unsubscribe: async () => void this.#responders.delete(responder) };
  }

  #assertRunning(): void {
    if (!this.#running) throw new AppError('not_ready', 'the bus is not running');
  }
}
