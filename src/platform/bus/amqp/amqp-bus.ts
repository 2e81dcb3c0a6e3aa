import { randomUUID } from 'node:crypto';
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { AppError, type HealthReport, type Json } from '../../../base/index.ts';
import { errorAnswer, parseMessage, readAnswer } from '../answer-envelope.ts';
import { awaitAnswer } from '../awaited-answers.ts';
import type { BusHandler, BusSubscription, MessageBus, RequestOptions, Responder } from '../bus.ts';
import { assertSubject, compilePattern } from '../subject.ts';
import { SubscriberList } from '../subscriber-list.ts';
import { AmqpLine, type AmqpLineDeps } from './amqp-line.ts';
import { bindingOf } from './binding-of.ts';

export interface AmqpBusDeps extends AmqpLineDeps {
  /** In front of the names of its exchanges and queues (default `agent33.`). */
  readonly prefix?: string;
  /** Messages that may wait for one subscriber (default 10,000). */
  readonly capacity?: number;
}

interface Listening {
  queue: string;
  onEnd: (() => void) | undefined;
  forget: () => void;
}

const answers = 'amq.rabbitmq.reply-to';
const endType = 'a33-end';

/** The bus over an AMQP broker such as RabbitMQ: a topic exchange, and a queue for each subscription. */
export class AmqpBus implements MessageBus {
  readonly name = 'amqp-bus';
  readonly #deps: AmqpBusDeps;
  readonly #line: AmqpLine;
  readonly #events: string;
  readonly #requests: string;
  readonly #subscribers: SubscriberList;
  readonly #listening = new Set<Listening>();
  readonly #waiting = new Map<string, (text: string) => void>();
  #running = false;

  constructor(deps: AmqpBusDeps) {
    this.#deps = deps;
    this.#line = new AmqpLine(deps);
    this.#events = `${deps.prefix ?? 'agent33.'}bus`;
    this.#requests = `${deps.prefix ?? 'agent33.'}requests`;
    this.#subscribers = new SubscriberList(deps);
  }

  async start(): Promise<void> {
    if (this.#running) return;
    await this.#line.start();
    await this.#line.use(async (channel) => {
      await channel.assertExchange(this.#events, 'topic', { durable: true });
      await channel.assertExchange(this.#requests, 'topic', { durable: true });
      await channel.consume(answers, (message) => this.#onAnswer(message), { noAck: true });
    });
    this.#running = true;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    await Promise.all([...this.#listening].map((one) => this.#end(one).catch(() => {})));
    await this.#subscribers.drain();
    await this.#line.stop();
    this.#listening.clear();
  }

  async publish(subject: string, payload: Json): Promise<void> {
    assertSubject(subject);
    this.#assertRunning();
    await this.#line.publish(this.#events, subject, JSON.stringify(payload), {
      contentType: 'application/json',
    });
  }

  async subscribe(pattern: string, handler: BusHandler): Promise<BusSubscription> {
    const { subscriber, remove } = this.#subscribers.add(pattern, handler);
    const listening = await this.#listen(async (channel, one) => {
      const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
      await channel.bindQueue(queue, this.#events, bindingOf(pattern));
      one.queue = queue;
      await channel.consume(queue, (message) => this.#onMessage(one, message, subscriber.offer), {
        noAck: true,
      });
    });
    return {
      unsubscribe: async () => {
        remove();
        await this.#forget(listening);
      },
    };
  }

  async request(subject: string, payload: Json, options: RequestOptions = {}): Promise<Json> {
    assertSubject(subject);
    this.#assertRunning();
    const correlationId = randomUUID();
    return awaitAnswer(this.#deps.clock, subject, options, (resolve, reject) => {
      this.#waiting.set(correlationId, (text) => {
        try {
          resolve(readAnswer(text));
        } catch (error) {
          reject(error as Error);
        }
      });
      this.#line
        .publish(this.#requests, subject, JSON.stringify(payload), {
          contentType: 'application/json',
          correlationId,
          replyTo: answers,
          mandatory: true,
        })
        .then((isTaken) => {
          if (!isTaken) reject(new AppError('not_found', `nobody answers on "${subject}"`));
        }, reject);
      return () => void this.#waiting.delete(correlationId);
    });
  }

  async respond(pattern: string, handler: Responder): Promise<BusSubscription> {
    compilePattern(pattern);
    const listening = await this.#listen(async (channel, one) => {
      // One queue for all responders of a pattern: they take turns.
      const { queue } = await channel.assertQueue(`${this.#requests}.${pattern}`, { autoDelete: true });
      await channel.bindQueue(queue, this.#requests, bindingOf(pattern));
      const { consumerTag } = await channel.consume(
        queue,
        (message) => void this.#onRequest(channel, message, handler),
        { noAck: true },
      );
      one.forget = () => void channel.cancel(consumerTag).catch(() => {});
    });
    return { unsubscribe: () => this.#forget(listening) };
  }

  health(): Promise<HealthReport> {
    return Promise.resolve(this.#line.health());
  }

  async #listen(setup: (channel: ConfirmChannel, one: Listening) => Promise<void>): Promise<Listening> {
    this.#assertRunning();
    const listening: Listening = { queue: '', onEnd: undefined, forget: () => {} };
    const stopUsing = await this.#line.use((channel) => setup(channel, listening));
    this.#listening.add(listening);
    const { forget } = listening;
    listening.forget = () => {
      stopUsing();
      forget();
    };
    return listening;
  }

  async #forget(listening: Listening): Promise<void> {
    if (!this.#listening.delete(listening)) return;
    listening.forget();
    if (listening.queue !== '')
      await this.#line.inTime(this.#line.channel.deleteQueue(listening.queue)).catch(() => {});
  }

  /** Sends a last message behind all others and waits until it has come. */
  async #end(listening: Listening): Promise<void> {
    const { queue } = listening;
    if (queue === '') {
      listening.forget();
      return;
    }
    await this.#line.inTime(
      new Promise<void>((resolve) => {
        listening.onEnd = resolve;
        this.#line.channel.sendToQueue(queue, Buffer.alloc(0), { type: endType });
      }),
    );
  }

  #onMessage(
    listening: Listening,
    message: ConsumeMessage | null,
    offer: (message: { subject: string; payload: Json }) => Promise<void>,
  ): void {
    if (message === null) return;
    if (message.properties.type === endType) {
      listening.onEnd?.();
      return;
    }
    const subject = message.fields.routingKey;
    try {
      void offer({ subject, payload: parseMessage(message.content.toString('utf8')) });
    } catch (error) {
      this.#deps.logger.warn({ subject, error }, 'a message of the bus was not understood');
    }
  }

  async #onRequest(
    channel: ConfirmChannel,
    message: ConsumeMessage | null,
    handler: Responder,
  ): Promise<void> {
    if (message === null) return;
    const { replyTo, correlationId } = message.properties as { replyTo?: string; correlationId?: string };
    const subject = message.fields.routingKey;
    const answer = await Promise.resolve()
      .then(() => handler(parseMessage(message.content.toString('utf8')), { subject }))
      .then((value) => JSON.stringify(value), errorAnswer);
    if (replyTo === undefined) return;
    try {
      channel.sendToQueue(replyTo, Buffer.from(answer, 'utf8'), {
        contentType: 'application/json',
        ...(correlationId === undefined ? {} : { correlationId }),
      });
    } catch (error) {
      this.#deps.logger.warn({ subject, error }, 'an answer was not sent');
    }
  }

  #onAnswer(message: ConsumeMessage | null): void {
    const id: unknown = message?.properties.correlationId;
    if (message === null || typeof id !== 'string') return;
    this.#waiting.get(id)?.(message.content.toString('utf8'));
  }

  #assertRunning(): void {
    if (!this.#running) throw new AppError('not_ready', 'the bus is not running');
  }
}
