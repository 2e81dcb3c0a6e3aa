import type { ConsumerMessages, JetStreamClient, JetStreamManager, JsMsg } from '@nats-io/jetstream';
import { withDeadline, type Clock } from '../../../base/index.ts';
import type { ConsumeOptions, StreamEntry } from '../event-streams.ts';
import type { StreamSource } from '../streams/stream-source.ts';
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
  #messages: ConsumerMessages | undefined;
  #iterator: AsyncIterator<JsMsg> | undefined;
  #next: Promise<IteratorResult<JsMsg, unknown>> | undefined;
  #acknowledged = 0;

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    const { group, options, make, live } = this.#parts;
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
      this.#messages = await consumer.consume({
        max_messages: batch,
        expires: pullMs,
        abort_on_missing_resource: true,
      });
      this.#iterator = this.#messages[Symbol.asyncIterator]();
    } catch (error) {
      throw unavailable(error);
    }
  }

  async read(limit: number, signal: AbortSignal): Promise<readonly StreamEntry[]> {
    this.#parts.live();
    const entries: StreamEntry[] = [];
    const first = await this.#take(signal);
    if (first === undefined) return entries;
    entries.push(this.#hold(first));
    while (entries.length < limit && (this.#messages?.getPending() ?? 0) > 0) {
      const more = await this.#take(signal);
      if (more === undefined) break;
      entries.push(this.#hold(more));
    }
    return entries;
  }

  async acknowledge(entries: readonly StreamEntry[]): Promise<void> {
    const { options, clock, live } = this.#parts;
    const acks = entries.map(({ id }) => this.#held.get(id)?.ackAck());
    const confirmed = await Promise.all(acks.map((ack) => ack?.catch(() => false)));
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
    const messages = this.#messages;
    this.#messages = undefined;
    for (const message of this.#held.values()) message.nak();
    this.#held.clear();
    if (messages === undefined) return;
    // What has come and was not read goes back too.
    while (messages.getPending() > 0) {
      const unread = await this.#iterator?.next().catch(() => undefined);
      if (unread === undefined || unread.done === true) break;
      unread.value.nak();
    }
    this.#next = undefined;
    messages.stop();
  }

  /** The next message; `undefined` when none came for a while. Asks once, and goes on waiting for it the next time. */
  async #take(signal: AbortSignal): Promise<JsMsg | undefined> {
    const iterator = this.#iterator;
    if (iterator === undefined) throw unavailable();
    const deadline = withDeadline(this.#parts.clock, waitMs, signal);
    const late = new Promise<'late'>((resolve) => {
      if (deadline.signal.aborted) resolve('late');
      deadline.signal.addEventListener('abort', () => resolve('late'), { once: true });
    });
    try {
      this.#next ??= iterator.next();
      const outcome = await Promise.race([this.#next, late]);
      if (outcome === 'late') return undefined;
      this.#next = undefined;
      if (outcome.done === true) throw unavailable();
      return outcome.value;
    } catch (error) {
      this.#next = undefined;
      throw unavailable(error);
    } finally {
      deadline.clear();
    }
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
