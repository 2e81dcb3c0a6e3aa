import { AppError, toAppError, type Clock, type Json, type Logger } from '../../base/index.ts';
import { awaitAnswer } from './awaited-answers.ts';
import type { BusHandler, BusSubscription, MessageBus, RequestOptions, Responder } from './bus.ts';
import { assertSubject, compilePattern } from './subject.ts';
import { SubscriberList } from './subscriber-list.ts';

interface InProcessBusDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Messages that may wait for one subscriber (default 10,000). */
  readonly capacity?: number;
}

/**
 * The bus of a single process.
 *
 * A subscriber that falls behind by its whole capacity makes publishers wait for up to one second; a message that finds no
 * room by then is dropped for this subscriber only, with a warning. `stop` lets subscribers finish what they were sent.
 */
export class InProcessBus implements MessageBus {
  readonly name = 'bus';
  readonly #deps: InProcessBusDeps;
  readonly #subscribers: SubscriberList;
  readonly #responders = new Set<{ matches: (subject: string) => boolean; handler: Responder }>();
  #running = false;
  #turn = 0;

  constructor(deps: InProcessBusDeps) {
    this.#deps = deps;
    this.#subscribers = new SubscriberList(deps);
  }

  async start(): Promise<void> {
    this.#running = true;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    await this.#subscribers.drain();
    this.#responders.clear();
  }

  async publish(subject: string, payload: Json): Promise<void> {
    assertSubject(subject);
    this.#assertRunning();
    await Promise.all(this.#subscribers.of(subject).map((one) => one.offer({ subject, payload })));
  }

  async subscribe(pattern: string, handler: BusHandler): Promise<BusSubscription> {
    const { remove } = this.#subscribers.add(pattern, handler);
    return { unsubscribe: async () => remove() };
  }

  async request(subject: string, payload: Json, options: RequestOptions = {}): Promise<Json> {
    assertSubject(subject);
    this.#assertRunning();
    const candidates = [...this.#responders].filter(({ matches }) => matches(subject));
    const responder = candidates[this.#turn % Math.max(1, candidates.length)];
    this.#turn += 1;
    if (responder === undefined) throw new AppError('not_found', `nobody answers on "${subject}"`);
    return awaitAnswer(this.#deps.clock, subject, options, (resolve, reject) => {
      Promise.resolve()
        .then(() => responder.handler(payload, { subject }))
        .then(resolve, (error: unknown) => reject(toAppError(error)));
      return () => {};
    });
  }

  async respond(pattern: string, handler: Responder): Promise<BusSubscription> {
    const responder = { matches: compilePattern(pattern), handler };
    this.#responders.add(responder);
    return { unsubscribe: async () => void this.#responders.delete(responder) };
  }

  #assertRunning(): void {
    if (!this.#running) throw new AppError('not_ready', 'the bus is not running');
  }
}
