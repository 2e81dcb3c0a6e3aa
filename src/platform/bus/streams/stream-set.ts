import { AppError, type Clock, type HealthReport, type Logger } from '../../../base/index.ts';
import type {
  AppendOptions,
  ConsumeOptions,
  DeadOrigin,
  EventStreams,
  StreamConsumer,
  StreamEntry,
  StreamHandler,
  StreamMessage,
} from '../event-streams.ts';
import { deadLetterOf, deadLettersOf } from './dead-letter.ts';
import { StreamReader } from './stream-reader.ts';
import type { StreamSource } from './stream-source.ts';

export interface StreamSetDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

const streamName = /^[A-Za-z0-9_.:@|+-]{1,255}$/;

/** What the streams of all carriers have in common: readers, dead letters, an end in order. */
export abstract class StreamSet implements EventStreams {
  abstract readonly name: string;
  protected readonly deps: StreamSetDeps;
  readonly #readers = new Set<StreamConsumer>();
  #running = false;

  constructor(deps: StreamSetDeps) {
    this.deps = deps;
  }

  async start(): Promise<void> {
    if (this.#running) return;
    await this.open();
    this.#running = true;
  }

  async stop(): Promise<void> {
    const wasRunning = this.#running;
    this.#running = false;
    await Promise.all([...this.#readers].map((reader) => reader.stop()));
    if (wasRunning) await this.close();
  }

  async append(stream: string, message: StreamMessage, options: AppendOptions = {}): Promise<string> {
    this.#assertRunning();
    assertStream(stream);
    const { id } = options;
    return this.write(
      stream,
      id === undefined ? message : { ...message, headers: { ...message.headers, message_id: id } },
      options,
    );
  }

  consume(
    stream: string,
    group: string,
    handler: StreamHandler,
    options: ConsumeOptions = {},
  ): StreamConsumer {
    this.#assertRunning();
    assertStream(stream);
    assertStream(group);
    const { clock, logger } = this.deps;
    const dead = deadLettersOf(stream, options.deadLetters);
    const reader = new StreamReader({
      clock,
      logger: logger.child({ stream, group }),
      source: this.createSource(stream, group, options),
      handler,
      giveUp: (entry, reason) => this.deadLetter(dead, entry, { stream, group, reason }),
      options,
    });
    this.#readers.add(reader);
    return {
      health: () => reader.health(),
      stop: async () => {
        await reader.stop();
        this.#readers.delete(reader);
      },
    };
  }

  async deadLetter(deadLetters: string, entry: StreamEntry, origin: DeadOrigin): Promise<void> {
    await this.write(deadLetters, deadLetterOf(entry, origin, this.deps.clock.now()), {});
  }

  abstract health(signal: AbortSignal): Promise<HealthReport>;
  protected abstract open(): Promise<void>;
  protected abstract close(): Promise<void>;
  protected abstract write(stream: string, message: StreamMessage, options: AppendOptions): Promise<string>;
  protected abstract createSource(stream: string, group: string, options: ConsumeOptions): StreamSource;

  #assertRunning(): void {
    if (!this.#running) throw new AppError('not_ready', 'the streams are not running');
  }
}

function assertStream(name: string): void {
  if (streamName.test(name)) return;
  throw new AppError(
    'invalid_request',
    `"${name}" is no name of a stream or group; expected up to 255 letters, digits or one of _ . : @ | + -`,
  );
}
