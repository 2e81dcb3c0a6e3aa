import type { ChannelModel, ConfirmChannel, Message, Options, RecoveringChannelModel } from 'amqplib';
import { AppError, withDeadline, type Clock, type HealthReport, type Logger } from '../../../base/index.ts';
import { FirstConnection } from '../broker-line.ts';

export interface AmqpLineDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** `amqp://user:password@host:5672/vhost`, `amqps://` for TLS. */
  readonly url: string;
}

/** What has to be on a channel; done again on each new one. */
export type ChannelSetup = (channel: ConfirmChannel) => Promise<void>;

const answerLimitMs = 5000;
const heartbeatSeconds = 10;

const firstPauseMs = 100;
const longestPauseMs = 5000;

/** What the caller is told while the broker is away. */
export function unavailable(cause?: unknown): AppError {
  return new AppError(
    'storage_unavailable',
    'the AMQP broker cannot be reached',
    cause === undefined ? {} : { cause },
  );
}

/** What is wrong with the address, where the broker says so. */
function refusalOf(error: unknown): AppError | undefined {
  const said = error instanceof Error ? error.message : '';
  if (/ACCESS_REFUSED|\b403\b/.test(said))
    return new AppError('invalid_config', 'the AMQP broker refuses the user or password of its address');
  // amqplib keeps to itself what the broker says there.
  if (/Expected ConnectionOpenOk/.test(said))
    return new AppError(
      'invalid_config',
      'the AMQP broker does not let the user of its address into the virtual host that it names, or has none of that name',
    );
  return undefined;
}

/** A connection to an AMQP broker with one channel for all, by the library amqplib, which is loaded at `start`. */
export class AmqpLine {
  readonly #deps: AmqpLineDeps;
  readonly #first: FirstConnection;
  readonly #setups = new Set<ChannelSetup>();
  readonly #returned = new Map<string, () => void>();
  #isRunning = false;
  #model: RecoveringChannelModel | undefined;
  #channel: ConfirmChannel | undefined;
  #messages = 0;

  constructor(deps: AmqpLineDeps) {
    this.#deps = deps;
    this.#first = new FirstConnection(deps, 'The AMQP broker');
  }

  /**
   * Resolves without a connection too, after 5 s of trying. Error: `invalid_config` when the broker refuses the user, or has
   * no such virtual host.
   */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    await this.#first.begin(() => this.#connect());
    this.#isRunning = true;
  }

  async #connect(): Promise<void> {
    const { connect } = await import('amqplib');
    const { logger, url } = this.#deps;
    const address = new URL(url);
    if (!address.searchParams.has('heartbeat'))
      address.searchParams.set('heartbeat', String(heartbeatSeconds));
    try {
      this.#model = await connect(address.href, {
        timeout: answerLimitMs,
        clientProperties: { connection_name: 'agent33' },
        recovery: {
          initialDelay: firstPauseMs,
          maxDelay: longestPauseMs,
          // The first connection is tried again by us, so that a start need not wait for it.
          initialMaxRetries: 0,
          setup: async (model: ChannelModel) => {
            await this.#open(() => model.createConfirmChannel());
          },
        },
      });
    } catch (error) {
      throw refusalOf(error) ?? unavailable(error);
    }
    this.#model.on('error', () => {});
    this.#model.on('disconnect', () => {
      this.#channel = undefined;
      logger.warn({}, 'the connection to the AMQP broker was lost; it is tried again');
    });
    this.#model.on('connect', () => logger.info({}, 'the AMQP broker answers again'));
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#first.end();
    const model = this.#model;
    this.#model = undefined;
    this.#channel = undefined;
    this.#setups.clear();
    await this.inTime(model?.close()).catch(() => {});
  }

  /** Does the set-up now and on each new channel, until the function that it returns is called. */
  async use(setup: ChannelSetup): Promise<() => void> {
    this.#setups.add(setup);
    if (this.#channel !== undefined) await this.inTime(setup(this.#channel));
    return () => void this.#setups.delete(setup);
  }

  /** Error: `not_ready` before `start`, `storage_unavailable` while the broker is away. */
  get channel(): ConfirmChannel {
    if (!this.#isRunning) throw new AppError('not_ready', 'the AMQP connection is not open');
    if (this.#channel === undefined) throw unavailable();
    return this.#channel;
  }

  /** A channel of its own. */
  async open(): Promise<ConfirmChannel> {
    if (!this.#isRunning) throw new AppError('not_ready', 'the AMQP connection is not open');
    if (this.#channel === undefined || this.#model === undefined) throw unavailable();
    const channel = await this.inTime(this.#model.createConfirmChannel());
    channel.on('error', () => {});
    return channel;
  }

  /** Resolves when the broker has taken the message: false when it knew nobody to give it to. */
  async publish(exchange: string, key: string, body: string, options: Options.Publish): Promise<boolean> {
    const { channel } = this;
    const messageId = options.messageId ?? `m${(this.#messages += 1)}`;
    let wasReturned = false;
    const mark = `${messageId}:${(this.#messages += 1)}`;
    this.#returned.set(mark, () => {
      wasReturned = true;
    });
    try {
      await this.inTime(
        new Promise<void>((resolve, reject) => {
          channel.publish(
            exchange,
            key,
            Buffer.from(body, 'utf8'),
            { ...options, messageId, headers: { ...(options.headers as object), 'x-a33-mark': mark } },
            (error: unknown) =>
              error === null || error === undefined ? resolve() : reject(unavailable(error)),
          );
        }),
      );
    } finally {
      this.#returned.delete(mark);
    }
    return !wasReturned;
  }

  /** Error: `storage_unavailable` when it fails or takes longer than 5 s. */
  async inTime<T>(work: Promise<T> | undefined): Promise<T> {
    const { signal, clear } = withDeadline(this.#deps.clock, answerLimitMs);
    const late = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    try {
      return (await Promise.race([work, late])) as T;
    } catch (error) {
      throw error instanceof AppError ? error : unavailable(error);
    } finally {
      clear();
    }
  }

  health(): HealthReport {
    return this.#channel === undefined
      ? this.#first.report()
      : { status: 'ok', detail: 'The AMQP broker is connected.' };
  }

  async #open(create: () => Promise<ConfirmChannel>): Promise<void> {
    const channel = await create();
    channel.on('error', (error: Error) =>
      this.#deps.logger.warn({ error }, 'the AMQP broker closed a channel'),
    );
    channel.on('return', (message: Message) => {
      this.#returned.get(String(message.properties.headers?.['x-a33-mark']))?.();
    });
    channel.on('close', () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      // The connection may be there still: a new channel takes its place.
      this.#deps.clock.after(firstPauseMs, () => {
        if (this.#channel === undefined) void this.#open(create).catch(() => {});
      });
    });
    for (const setup of this.#setups) await setup(channel);
    this.#channel = channel;
  }
}
