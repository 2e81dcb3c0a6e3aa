import type { JetStreamClient, JetStreamManager, JsMsg } from '@nats-io/jetstream';
import type { Clock } from '../../../base/index.ts';
import type { ConsumeOptions, StreamEntry } from '../event-streams.ts';
import type { StreamSource } from '../streams/stream-source.ts';
import { MessagePump } from './message-pump.ts';
import { unavailable } from './nats-connection.ts';
import { purgeStream } from './purge-stream.ts';

const waitMs = 2000;
const pullMs = 5000;
const defaultBatch = 100;
const defaultClaimAfterMs = 60_000;
const tidyAfter = 1000;
const nanos = 1_000_000;

interface SourceParts {
  readonly clock: Clock;
  readonly group: string;
  readonly options: ConsumeOptions;
  /** Makes the stream and returns its name. */
  readonly make: () => Promise<string>;
  /** Error: `storage_unavailable` while NATS is away. */
  readonly live: () => { readonly manager: JetStreamManager; readonly streams: JetStreamClient };
}

/** One consumer of a group of a JetStream stream. */
export class NatsStreamSource implements StreamSource {
  readonly #parts: SourceParts;
  readonly #held = new Map<string, JsMsg>();
  #name = '';
  #pump: MessagePump | undefined;
  #acknowledged = 0;

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    const { clock, group, options, make, live } = this.#parts;
    await this.close();
    try {
      this.#name = await make();
      const { manager, streams } = live();
      const { AckPolicy, DeliverPolicy } = await import('@nats-io/jetstream');
      const batch = options.batch ?? defaultBatch;
      await manager.consumers.add(this.#name, {
        durable_name: group,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: (options.claimAfterMs ?? defaultClaimAfterMs) * nanos,
        max_deliver: -1,
      });
      const consumer = await streams.consumers.get(this.#name, group);
      const messages = await consumer.consume({
        max_messages: batch,
        expires: pullMs,
        abort_on_missing_resource: true,
      });
      this.#pump = new MessagePump(clock, messages, batch);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async read(limit: number, signal: AbortSignal): Promise<readonly StreamEntry[]> {
    this.#parts.live();
    if (this.#pump === undefined) throw unavailable();
    const messages = await this.#pump.take(limit, waitMs, signal);
    return messages.map((message) => this.#hold(message));
  }

  async acknowledge(entries: readonly StreamEntry[]): Promise<void> {
    const { options, clock, live } = this.#parts;
    const confirmed = await Promise.all(
      entries.map(async ({ id }) => {
        try {
          return await this.#held.get(id)?.ackAck();
        } catch {
          return false;
        }
      }),
    );
    for (const { id } of entries) this.#held.delete(id);
    if (confirmed.includes(false)) throw unavailable();
    this.#acknowledged += entries.length;
    if (options.keepMs === undefined || this.#acknowledged < tidyAfter) return;
    this.#acknowledged = 0;
    await purgeStream(live().manager, this.#name, { before: new Date(clock.now() - options.keepMs) });
  }

  touch(entries: readonly StreamEntry[]): Promise<void> {
    for (const { id } of entries) this.#held.get(id)?.working();
    return Promise.resolve();
  }

  async close(): Promise<void> {
    // Given back while its own request is open, it would come here again and be lost for a while.
    const unread = (await this.#pump?.close()) ?? [];
    this.#pump = undefined;
    for (const message of [...this.#held.values(), ...unread]) message.nak();
    this.#held.clear();
  }

  #hold(message: JsMsg): StreamEntry {
    const id = String(message.seq);
    this.#held.set(id, message);
    const headers: Record<string, string> = {};
    for (const key of message.headers?.keys() ?? []) {
      if (!key.startsWith('Nats-')) headers[key] = message.headers?.get(key) ?? '';
    }
    return { id, body: message.data, headers, attempt: message.info.deliveryCount };
  }
}
