import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { withDeadline, type Clock } from '../../../base/index.ts';
import type { ConsumeOptions, StreamEntry } from '../event-streams.ts';
import type { StreamSource } from '../streams/stream-source.ts';
import { unavailable } from './amqp-line.ts';

const waitMs = 2000;
const defaultBatch = 100;

interface SourceParts {
  readonly clock: Clock;
  readonly options: ConsumeOptions;
  readonly open: () => Promise<ConfirmChannel>;
  readonly inTime: <T>(work: Promise<T> | undefined) => Promise<T>;
  /** Makes the queue of the group and returns its name. */
  readonly make: (channel: ConfirmChannel) => Promise<string>;
}

/** One consumer of the queue of a group, on a channel of its own. */
export class AmqpStreamSource implements StreamSource {
  readonly #parts: SourceParts;
  readonly #held = new Map<string, ConsumeMessage>();
  #box: ConsumeMessage[] = [];
  #channel: ConfirmChannel | undefined;
  #news = (): void => {};

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    const { open, make, inTime, options } = this.#parts;
    await this.close();
    const channel = await open();
    this.#box = [];
    const broken = (): void => {
      if (this.#channel === channel) this.#channel = undefined;
      this.#news();
    };
    channel.on('close', broken);
    const queue = await make(channel);
    // Nothing further comes before something of it was acknowledged.
    await inTime(channel.prefetch(options.batch ?? defaultBatch));
    this.#channel = channel;
    await inTime(
      channel.consume(queue, (message) => {
        if (message === null) broken();
        else this.#box.push(message);
        this.#news();
      }),
    );
  }

  async read(limit: number, signal: AbortSignal): Promise<readonly StreamEntry[]> {
    if (this.#channel === undefined) throw unavailable();
    if (this.#box.length === 0) {
      const deadline = withDeadline(this.#parts.clock, waitMs, signal);
      await new Promise<void>((resolve) => {
        this.#news = resolve;
        if (deadline.signal.aborted) resolve();
        deadline.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      deadline.clear();
    }
    if (this.#channel === undefined) throw unavailable();
    return this.#box.splice(0, limit).map((message) => this.#hold(message));
  }

  async acknowledge(entries: readonly StreamEntry[]): Promise<void> {
    const channel = this.#channel;
    if (channel === undefined) throw unavailable();
    for (const { id } of entries) {
      const message = this.#held.get(id);
      if (message !== undefined) channel.ack(message);
      this.#held.delete(id);
    }
  }

  touch(): Promise<void> {
    // The broker watches the connection, not the time.
    return Promise.resolve();
  }

  async close(): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#held.clear();
    this.#box = [];
    if (channel === undefined) return;
    try {
      // Behind the acknowledgements; what was not acknowledged goes back to its place.
      await this.#parts.inTime(channel.close());
    } catch {
      // It is gone already.
    }
  }

  #hold(message: ConsumeMessage): StreamEntry {
    const id = String(message.fields.deliveryTag);
    this.#held.set(id, message);
    const { headers: given, messageId, correlationId, contentType } = message.properties;
    const headers: Record<string, string> = {};
    if (message.fields.routingKey !== '') headers['routing_key'] = message.fields.routingKey;
    for (const [key, value] of Object.entries(given ?? {})) {
      if (!key.startsWith('x-')) headers[key] = typeof value === 'string' ? value : JSON.stringify(value);
    }
    if (typeof contentType === 'string') headers['content-type'] ??= contentType;
    if (typeof correlationId === 'string') headers['correlation_id'] ??= correlationId;
    if (typeof messageId === 'string') headers['message_id'] ??= messageId;
    const returned = Number(given?.['x-delivery-count'] ?? 0);
    return { id, body: message.content, headers, attempt: returned + 1 };
  }
}
