import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { AppError, type HealthReport } from '../../../base/index.ts';
import type { AppendOptions, ConsumeOptions, StreamMessage } from '../event-streams.ts';
import type { StreamSource } from '../streams/stream-source.ts';
import { StreamSet } from '../streams/stream-set.ts';
import { NatsLine, unavailable, type NatsLineDeps } from './nats-connection.ts';
import { NatsStreamSource } from './nats-stream-source.ts';
import { purgeStream } from './purge-stream.ts';
import { streamToken } from './stream-token.ts';

export interface NatsStreamsDeps extends NatsLineDeps {
  /** In front of the subject of every stream, with its dot (default `agent33.streams.`). */
  readonly prefix?: string;
}

const trimEvery = 100;
const appendLimitMs = 5000;
const noJetStream = 'NATS keeps no streams: its server runs without JetStream; start it with --jetstream';

/** Streams in JetStream: JSON as it is, with headers. An entry that is given back arrives behind later ones. */
export class NatsStreams extends StreamSet {
  readonly name = 'nats-streams';
  readonly #line: NatsLine;
  readonly #prefix: string;
  readonly #known = new Set<string>();
  #streams: JetStreamClient | undefined;
  #manager: JetStreamManager | undefined;
  #appended = 0;

  constructor(deps: NatsStreamsDeps) {
    super(deps);
    this.#line = new NatsLine(deps);
    this.#prefix = deps.prefix ?? 'agent33.streams.';
  }

  health(signal: AbortSignal): Promise<HealthReport> {
    return this.#line.health(signal);
  }

  /** Error: `invalid_config` without JetStream. While NATS is away that is found out by whoever comes first. */
  protected async open(): Promise<void> {
    this.#manager = undefined;
    this.#known.clear();
    await this.#line.start();
    try {
      await this.#prepare();
    } catch (error) {
      if (error instanceof AppError && error.retryable) return;
      await this.#line.stop();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    const { live } = this.#line;
    if (this.#manager !== undefined) return;
    const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
    try {
      this.#manager = await jetstreamManager(live);
    } catch (error) {
      throw error instanceof Error && error.name === 'JetStreamNotEnabled'
        ? new AppError('invalid_config', noJetStream)
        : unavailable(error);
    }
    this.#streams = jetstream(live);
  }

  protected close(): Promise<void> {
    return this.#line.stop();
  }

  protected async write(stream: string, message: StreamMessage, options: AppendOptions): Promise<string> {
    const [{ headers }, name] = [await import('@nats-io/transport-node'), await this.#make(stream)];
    const head = headers();
    for (const [key, value] of Object.entries(message.headers ?? {}))
      head.set(key, value.replaceAll(/[\r\n]/g, ' '));
    try {
      this.#line.assertUp();
      const { seq } = await this.#client.publish(this.#subject(stream), message.body, {
        headers: head,
        timeout: appendLimitMs,
        ...(options.id === undefined ? {} : { msgID: options.id }),
      });
      if (options.keepEntries !== undefined && (this.#appended += 1) % trimEvery === 0)
        await purgeStream(this.#api, name, { keepEntries: options.keepEntries });
      return String(seq);
    } catch (error) {
      // It may have been deleted by somebody else: made again the next time.
      this.#known.delete(name);
      throw error instanceof AppError ? error : unavailable(error);
    }
  }

  protected createSource(stream: string, group: string, options: ConsumeOptions): StreamSource {
    return new NatsStreamSource({
      clock: this.deps.clock,
      group: streamToken(group),
      options,
      make: () => this.#make(stream),
      live: () => {
        this.#line.assertUp();
        return { manager: this.#api, streams: this.#client };
      },
    });
  }

  get #api(): JetStreamManager {
    if (this.#manager === undefined) throw new AppError('not_ready', 'The connection to NATS is not open.');
    return this.#manager;
  }

  get #client(): JetStreamClient {
    if (this.#streams === undefined) throw new AppError('not_ready', 'The connection to NATS is not open.');
    return this.#streams;
  }

  #subject(stream: string): string {
    return `${this.#prefix}${streamToken(stream)}`;
  }

  /** Makes the stream unless it is there; returns its name in JetStream. */
  async #make(stream: string): Promise<string> {
    const subject = this.#subject(stream);
    const name = subject.replaceAll('.', '_');
    if (this.#known.has(name)) return name;
    try {
      await this.#prepare();
      await this.#api.streams.add({ name, subjects: [subject] });
    } catch (error) {
      // One of that name, set up by somebody who wants it otherwise, stays as it is.
      if (!(error instanceof Error) || !/already in use/i.test(error.message))
        throw error instanceof AppError ? error : unavailable(error);
    }
    this.#known.add(name);
    return name;
  }
}
