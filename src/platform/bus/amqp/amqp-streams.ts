import type { ConfirmChannel } from 'amqplib';
import { AppError, type HealthReport } from '../../../base/index.ts';
import type {
  AppendOptions,
  ConsumeOptions,
  DeadOrigin,
  StreamEntry,
  StreamMessage,
} from '../event-streams.ts';
import type { StreamSource } from '../streams/stream-source.ts';
import { StreamSet } from '../streams/stream-set.ts';
import { AmqpLine, type AmqpLineDeps } from './amqp-line.ts';
import { AmqpStreamSource } from './amqp-stream-source.ts';

export interface AmqpStreamsDeps extends AmqpLineDeps {
  /** In front of the names of its exchanges and queues (default `agent33.streams.`). */
  readonly prefix?: string;
}

const desk = 'desk';

/**
 * Streams over an AMQP broker: a fanout exchange for each, and a quorum queue for each group. A queue keeps what comes
 * after it was made, so a stream without any group takes nothing (`not_found`), and a new group sees nothing of before.
 */
export class AmqpStreams extends StreamSet {
  readonly name = 'amqp-streams';
  readonly #line: AmqpLine;
  readonly #prefix: string;

  constructor(deps: AmqpStreamsDeps) {
    super(deps);
    this.#line = new AmqpLine(deps);
    this.#prefix = deps.prefix ?? 'agent33.streams.';
  }

  health(): Promise<HealthReport> {
    return Promise.resolve(this.#line.health());
  }

  /** Dead letters wait in a queue of their own, whether somebody reads them or not. */
  override async deadLetter(deadLetters: string, entry: StreamEntry, origin: DeadOrigin): Promise<void> {
    await this.#group(this.#line.channel, deadLetters, desk);
    await super.deadLetter(deadLetters, entry, origin);
  }

  protected open(): Promise<void> {
    return this.#line.start();
  }

  protected close(): Promise<void> {
    return this.#line.stop();
  }

  protected async write(stream: string, message: StreamMessage, options: AppendOptions): Promise<string> {
    const exchange = await this.#exchange(this.#line.channel, stream);
    const { headers = {} } = message;
    const isTaken = await this.#line.publish(exchange, '', message.body, {
      persistent: true,
      mandatory: true,
      contentType: headers['content-type'] ?? 'application/json',
      headers,
      ...(options.id === undefined ? {} : { messageId: options.id }),
      ...(headers['correlation_id'] === undefined ? {} : { correlationId: headers['correlation_id'] }),
    });
    if (!isTaken)
      throw new AppError('not_found', `no group reads the stream "${stream}", so the broker keeps nothing`);
    return options.id ?? '';
  }

  protected createSource(stream: string, group: string, options: ConsumeOptions): StreamSource {
    return new AmqpStreamSource({
      clock: this.deps.clock,
      options,
      open: () => this.#line.open(),
      inTime: (work) => this.#line.inTime(work),
      make: (channel) => this.#group(channel, stream, group),
    });
  }

  async #exchange(channel: ConfirmChannel, stream: string): Promise<string> {
    const name = `${this.#prefix}${stream}`;
    await this.#line.inTime(channel.assertExchange(name, 'fanout', { durable: true }));
    return name;
  }

  async #group(channel: ConfirmChannel, stream: string, group: string): Promise<string> {
    const exchange = await this.#exchange(channel, stream);
    const queue = `${exchange}.${group}`;
    await this.#line.inTime(
      channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } }),
    );
    await this.#line.inTime(channel.bindQueue(queue, exchange, ''));
    return queue;
  }
}
