import { randomUUID } from 'node:crypto';
import { AppError, type Clock, type HealthReport, type Json, type Logger } from '../../../base/index.ts';
import type { RedisClient, RedisSubscriber } from '../../redis/index.ts';
import { awaitAnswer } from '../awaited-answers.ts';
import type { BusHandler, BusSubscription, MessageBus, RequestOptions, Responder } from '../bus.ts';
import { parseMessage, readAnswer } from '../answer-envelope.ts';
import { assertSubject, compilePattern } from '../subject.ts';
import { SubscriberList, type Subscriber } from '../subscriber-list.ts';
import { globOf } from './glob-of.ts';
import { RedisResponders } from './redis-responders.ts';

export interface RedisBusDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For publishing. Not started; nobody else stops it. */
  readonly redis: RedisClient;
  /** For listening. Not started. */
  readonly subscriber: RedisSubscriber;
  /** In front of every channel (default `agent33:bus:`). */
  readonly prefix?: string;
  /** Messages that may wait for one subscriber (default 10,000). */
  readonly capacity?: number;
}

/** The bus over Redis publish and subscribe: whoever is connected gets a message, nobody later. */
export class RedisBus implements MessageBus {
  readonly name = 'redis-bus';
  readonly #deps: RedisBusDeps;
  readonly #prefix: string;
  readonly #subscribers: SubscriberList;
  /** Redis is asked once for each glob, and several patterns may have the same. */
  readonly #byGlob = new Map<string, Set<Subscriber>>();
  readonly #responders: RedisResponders;
  readonly #answers = new Map<string, (message: Json) => void>();
  readonly #self = randomUUID();
  #running = false;

  constructor(deps: RedisBusDeps) {
    this.#deps = deps;
    this.#prefix = deps.prefix ?? 'agent33:bus:';
    this.#subscribers = new SubscriberList(deps);
    this.#responders = new RedisResponders({ ...deps, prefix: this.#prefix });
  }

  async start(): Promise<void> {
    if (this.#running) return;
    await Promise.all([this.#deps.redis.start(), this.#deps.subscriber.start()]);
    await this.#deps.subscriber.listen(this.#answerChannel, (_channel, payload) => this.#onAnswer(payload));
    this.#running = true;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    const { redis, subscriber } = this.#deps;
    // Redis confirms the end behind what it has sent, so all of it is in the mailboxes then.
    await Promise.all([
      ...[...this.#byGlob.keys()].map((glob) => subscriber.unlisten(glob)),
      this.#responders.stop(),
    ]);
    this.#byGlob.clear();
    await this.#subscribers.drain();
    await Promise.all([subscriber.stop(), redis.stop()]);
  }

  async publish(subject: string, payload: Json): Promise<void> {
    assertSubject(subject);
    this.#assertRunning();
    await this.#deps.redis.command('PUBLISH', [`${this.#prefix}m:${subject}`, JSON.stringify(payload)]);
  }

  async subscribe(pattern: string, handler: BusHandler): Promise<BusSubscription> {
    const { subscriber, remove } = this.#subscribers.add(pattern, handler);
    const glob = `${this.#prefix}m:${globOf(pattern)}`;
    const present = this.#byGlob.get(glob);
    if (present === undefined) {
      const wanting = new Set([subscriber]);
      this.#byGlob.set(glob, wanting);
      await this.#deps.subscriber.listen(glob, (channel, payload) =>
        this.#onMessage(wanting, channel, payload),
      );
    } else present.add(subscriber);
    return {
      unsubscribe: async () => {
        remove();
        const left = this.#byGlob.get(glob);
        if (left?.delete(subscriber) !== true || left.size > 0) return;
        this.#byGlob.delete(glob);
        await this.#deps.subscriber.unlisten(glob);
      },
    };
  }

  async request(subject: string, payload: Json, options: RequestOptions = {}): Promise<Json> {
    assertSubject(subject);
    this.#assertRunning();
    const id = randomUUID();
    const message = JSON.stringify({ id, reply: this.#answerChannel, payload });
    return awaitAnswer(this.#deps.clock, subject, options, (resolve, reject) => {
      // Patterns of Redis are wider than ours: who heard it and does not want it passes.
      let passes = 0;
      let heard: number | undefined;
      const nobody = (): void => {
        if (heard === passes) reject(new AppError('not_found', `nobody answers on "${subject}"`));
      };
      this.#answers.set(id, (answer) => {
        const { text } = answer as { text?: string };
        if (text === undefined) {
          passes += 1;
          nobody();
          return;
        }
        try {
          resolve(readAnswer(text));
        } catch (error) {
          reject(error as Error);
        }
      });
      this.#deps.redis.command('PUBLISH', [`${this.#prefix}r:${subject}`, message]).then((receivers) => {
        heard = Number(receivers);
        nobody();
      }, reject);
      return () => void this.#answers.delete(id);
    });
  }

  respond(pattern: string, handler: Responder): Promise<BusSubscription> {
    return this.#responders.add(pattern, compilePattern(pattern), handler);
  }

  health(signal: AbortSignal): Promise<HealthReport> {
    return this.#deps.redis.health(signal);
  }

  get #answerChannel(): string {
    return `${this.#prefix}a:${this.#self}`;
  }

  #onMessage(subscribers: ReadonlySet<Subscriber>, channel: string, text: string): void {
    const subject = channel.slice(this.#prefix.length + 2);
    const wanting = [...subscribers].filter(({ matches }) => matches(subject));
    if (wanting.length === 0) return;
    try {
      const payload = parseMessage(text);
      for (const subscriber of wanting) void subscriber.offer({ subject, payload });
    } catch (error) {
      this.#deps.logger.warn({ subject, error }, 'a message of the bus was not understood');
    }
  }

  #onAnswer(text: string): void {
    const { id, ...answer } = parseMessage(text) as { id: string };
    this.#answers.get(id)?.(answer);
  }

  #assertRunning(): void {
    if (!this.#running) throw new AppError('not_ready', 'the bus is not running');
  }
}
