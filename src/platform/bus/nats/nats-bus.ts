import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { AppError, type HealthReport, type Json } from '../../../base/index.ts';
import { errorAnswer, parseMessage, readAnswer } from '../answer-envelope.ts';
import { awaitAnswer, requestTimeoutMs } from '../awaited-answers.ts';
import type { BusHandler, BusSubscription, MessageBus, RequestOptions, Responder } from '../bus.ts';
import { assertSubject, compilePattern } from '../subject.ts';
import { SubscriberList } from '../subscriber-list.ts';
import { NatsLine, unavailable, type NatsLineDeps } from './nats-connection.ts';

export interface NatsBusDeps extends NatsLineDeps {
  /** In front of every subject, with its dot; none by default, so that others share the subjects. */
  readonly prefix?: string;
  /** Messages that may wait for one subscriber (default 10,000). */
  readonly capacity?: number;
}

/** `undefined` until there is a connection. */
interface Listening {
  subscription: Subscription | undefined;
}

const responders = 'agent33';

/** The bus over NATS: JSON on plain subjects, as every client of NATS sends and reads it. */
export class NatsBus implements MessageBus {
  readonly name = 'nats-bus';
  readonly #deps: NatsBusDeps;
  readonly #line: NatsLine;
  readonly #prefix: string;
  readonly #subscribers: SubscriberList;
  readonly #listening = new Set<Listening>();
  #running = false;

  constructor(deps: NatsBusDeps) {
    this.#deps = deps;
    this.#line = new NatsLine(deps);
    this.#prefix = deps.prefix ?? '';
    this.#subscribers = new SubscriberList(deps);
  }

  async start(): Promise<void> {
    if (this.#running) return;
    await this.#line.start();
    this.#running = true;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    // Confirmed by NATS behind what it has sent, so all of it is in the mailboxes then.
    await this.#line.stop();
    this.#listening.clear();
    await this.#subscribers.drain();
  }

  async publish(subject: string, payload: Json): Promise<void> {
    assertSubject(subject);
    this.#assertRunning();
    this.#line.live.publish(`${this.#prefix}${subject}`, JSON.stringify(payload));
  }

  async subscribe(pattern: string, handler: BusHandler): Promise<BusSubscription> {
    const { subscriber, remove } = this.#subscribers.add(pattern, handler);
    const listening = await this.#listen(pattern, {}, (message, subject) => {
      void subscriber.offer({ subject, payload: parseMessage(message.string()) });
    });
    return {
      unsubscribe: async () => {
        remove();
        this.#end(listening);
      },
    };
  }

  async request(subject: string, payload: Json, options: RequestOptions = {}): Promise<Json> {
    assertSubject(subject);
    this.#assertRunning();
    const connection = this.#line.live;
    const { timeoutMs = requestTimeoutMs } = options;
    const { RequestError } = await import('@nats-io/transport-node');
    return awaitAnswer(this.#deps.clock, subject, options, (resolve, reject) => {
      connection
        // Its own limit lies behind ours, which says what was late.
        .request(`${this.#prefix}${subject}`, JSON.stringify(payload), { timeout: timeoutMs + 1000 })
        .then((message) => readAnswer(message.string()))
        .then(resolve, (error: unknown) => {
          if (error instanceof AppError) reject(error);
          else if (error instanceof RequestError && error.isNoResponders())
            reject(new AppError('not_found', `nobody answers on "${subject}"`));
          else reject(unavailable(error));
        });
      return () => {};
    });
  }

  async respond(pattern: string, handler: Responder): Promise<BusSubscription> {
    compilePattern(pattern);
    const listening = await this.#listen(pattern, { queue: responders }, (message, subject) => {
      Promise.resolve()
        .then(() => handler(parseMessage(message.string()), { subject }))
        .then((answer) => JSON.stringify(answer), errorAnswer)
        .then((text) => message.respond(text))
        .catch((error: unknown) => this.#deps.logger.warn({ subject, error }, 'an answer was not sent'));
    });
    return { unsubscribe: async () => this.#end(listening) };
  }

  health(signal: AbortSignal): Promise<HealthReport> {
    return this.#line.health(signal);
  }

  async #listen(
    pattern: string,
    options: { readonly queue?: string },
    onMessage: (message: Msg, subject: string) => void,
  ): Promise<Listening> {
    this.#assertRunning();
    const listening: Listening = { subscription: undefined };
    this.#listening.add(listening);
    const callback = (error: Error | null, message: Msg): void => {
      const subject = message.subject.slice(this.#prefix.length);
      try {
        if (error !== null) throw error;
        onMessage(message, subject);
      } catch (fault) {
        this.#deps.logger.warn({ subject, error: fault }, 'a message of the bus was not understood');
      }
    };
    let begun: NatsConnection | undefined;
    this.#line.whenOpen((connection) => {
      if (!this.#listening.has(listening)) return;
      listening.subscription = connection.subscribe(`${this.#prefix}${pattern}`, { ...options, callback });
      begun = connection;
    });
    if (begun !== undefined) await confirmed(begun);
    return listening;
  }

  #end(listening: Listening): void {
    if (this.#listening.delete(listening)) listening.subscription?.unsubscribe();
  }

  #assertRunning(): void {
    if (!this.#running) throw new AppError('not_ready', 'the bus is not running');
  }
}

/** Resolves when NATS knows of a subscription; while it is away it is told later. */
async function confirmed(connection: NatsConnection): Promise<void> {
  await connection.flush().catch(() => {});
}
