import type { HealthReport } from '../../../base/index.ts';
import { tryParseJson } from '../../../base/index.ts';
import type { BrokerEvent, EventHandler } from '../event-handler.ts';
import type { RefusedEntry, StreamConsumer, StreamEntry } from '../event-streams.ts';
import { StreamReader } from '../streams/stream-reader.ts';
import { AmqpLine, type AmqpLineDeps } from './amqp-line.ts';
import { AmqpStreamSource } from './amqp-stream-source.ts';
import { bindingOf } from './binding-of.ts';

export interface AmqpEventHandlerDeps extends AmqpLineDeps {
  /** Topic exchange that events come from and go to (default `agent33.events`). */
  readonly exchange?: string;
  /** Durable queue for what comes in (default `agent33.events.in`); its dead letters are in `<queue>.dead`. */
  readonly queue?: string;
  /** Patterns of routing keys that come in (default `external.>`). */
  readonly subscribe?: readonly string[];
  /** Makes an event durable. Error that is not `retryable`: it goes to the dead letters. */
  readonly onEvent: (event: BrokerEvent) => Promise<void>;
}

const batch = 50;

/** Events over an AMQP broker: persistent, confirmed, and acknowledged once they are stored here. */
export class AmqpEventHandler implements EventHandler {
  readonly name = 'amqp-events';
  readonly #deps: AmqpEventHandlerDeps;
  readonly #line: AmqpLine;
  readonly #exchange: string;
  readonly #queue: string;
  #reader: StreamConsumer | undefined;

  constructor(deps: AmqpEventHandlerDeps) {
    this.#deps = deps;
    this.#line = new AmqpLine(deps);
    this.#exchange = deps.exchange ?? 'agent33.events';
    this.#queue = deps.queue ?? 'agent33.events.in';
  }

  async start(): Promise<void> {
    if (this.#reader !== undefined) return;
    const { clock, logger, subscribe = ['external.>'] } = this.#deps;
    await this.#line.start();
    await this.#line.use(async (channel) => {
      const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
      await channel.assertExchange(this.#exchange, 'topic', { durable: true });
      await channel.assertQueue(this.#queue, quorum);
      await channel.assertQueue(`${this.#queue}.dead`, quorum);
      for (const pattern of subscribe)
        await channel.bindQueue(this.#queue, this.#exchange, bindingOf(pattern));
    });
    this.#reader = new StreamReader({
      clock,
      logger: logger.child({ queue: this.#queue }),
      source: new AmqpStreamSource({
        clock,
        options: { batch },
        open: () => this.#line.open(),
        inTime: (work) => this.#line.inTime(work),
        make: () => Promise.resolve(this.#queue),
      }),
      handler: (entries) => this.#take(entries),
      giveUp: (entry, reason) => this.#bury(entry, reason),
      options: { batch },
    });
  }

  async stop(): Promise<void> {
    await this.#reader?.stop();
    this.#reader = undefined;
    await this.#line.stop();
  }

  handle(event: BrokerEvent): Promise<void> {
    return this.#deps.onEvent(event);
  }

  async emit({ id, name, payload }: BrokerEvent): Promise<void> {
    await this.#line.publish(this.#exchange, name, JSON.stringify(payload), {
      persistent: true,
      contentType: 'application/json',
      ...(id === undefined ? {} : { messageId: id }),
    });
  }

  health(): Promise<HealthReport> {
    const line = this.#line.health();
    return Promise.resolve(line.status === 'down' ? line : (this.#reader?.health() ?? line));
  }

  async #take(entries: readonly StreamEntry[]): Promise<readonly RefusedEntry[]> {
    const refused: RefusedEntry[] = [];
    for (const entry of entries) {
      const payload = tryParseJson(new TextDecoder().decode(entry.body));
      if (payload === undefined) {
        refused.push({ id: entry.id, reason: 'the body is no JSON' });
        continue;
      }
      await this.handle({
        id: entry.headers['message_id'],
        name: entry.headers['routing_key'] ?? this.#exchange,
        payload,
      });
    }
    return refused;
  }

  async #bury(entry: StreamEntry, reason: string): Promise<void> {
    const text = Buffer.from(entry.body).toString('utf8');
    await this.#line.publish('', `${this.#queue}.dead`, text, {
      persistent: true,
      headers: { reason: reason.slice(0, 1000), ...entry.headers },
    });
  }
}
