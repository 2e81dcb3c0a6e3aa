import type { Redis } from 'ioredis';
import { AppError, withDeadline, type Clock, type Logger } from '../../base/index.ts';
import type { RedisSubscriber } from './redis-client.ts';

const connectLimitMs = 5000;
const answerLimitMs = 2000;
const firstPauseMs = 100;
const longestPauseMs = 5000;

type OnMessage = (channel: string, payload: string) => void;

/** A listening connection by the library ioredis, which is loaded when the connection is started. */
export class IoredisSubscriber implements RedisSubscriber {
  readonly name = 'redis-subscriber';
  readonly #url: string;
  readonly #deps: { readonly logger: Logger; readonly clock: Clock };
  readonly #listeners = new Map<string, OnMessage>();
  #redis: Redis | undefined;
  #isLost = false;

  constructor(url: string, deps: { readonly logger: Logger; readonly clock: Clock }) {
    this.#url = url;
    this.#deps = deps;
  }

  /** Resolves without a connection too, after 5 s of trying. */
  async start(): Promise<void> {
    if (this.#redis !== undefined) return;
    const { Redis: Connection } = await import('ioredis');
    const { logger } = this.#deps;
    const redis = new Connection(this.#url, {
      lazyConnect: true,
      connectionName: 'agent33-bus',
      connectTimeout: connectLimitMs,
      keepAlive: 10_000,
      // We listen again ourselves, so that a subscription made while Redis was away is not forgotten.
      autoResubscribe: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(times - 1, 10)),
    });
    this.#redis = redis;
    redis.on('error', () => {});
    redis.on('close', () => {
      if (this.#isLost || this.#redis === undefined) return;
      this.#isLost = true;
      logger.warn({}, 'Redis cannot be listened to; it is tried again');
    });
    redis.on('ready', () => void this.#listenAgain(redis));
    redis.on('pmessage', (glob: string, channel: string, payload: string) => {
      this.#listeners.get(glob)?.(channel, payload);
    });
    await this.#inTime(
      redis.connect().catch(() => {}),
      connectLimitMs,
    );
  }

  stop(): Promise<void> {
    const redis = this.#redis;
    this.#redis = undefined;
    this.#listeners.clear();
    redis?.disconnect();
    return Promise.resolve();
  }

  async listen(glob: string, onMessage: OnMessage): Promise<void> {
    const redis = this.#redis;
    if (redis === undefined) throw new AppError('not_ready', 'The connection to Redis is not open.');
    this.#listeners.set(glob, onMessage);
    // Away: it is listened to as soon as Redis is back.
    if (redis.status === 'ready') await this.#inTime(redis.psubscribe(glob), answerLimitMs).catch(() => {});
  }

  async unlisten(glob: string): Promise<void> {
    const redis = this.#redis;
    if (redis?.status === 'ready')
      await this.#inTime(redis.punsubscribe(glob), answerLimitMs).catch(() => {});
    this.#listeners.delete(glob);
  }

  async #listenAgain(redis: Redis): Promise<void> {
    const globs = [...this.#listeners.keys()];
    if (globs.length > 0) await this.#inTime(redis.psubscribe(...globs), answerLimitMs).catch(() => {});
    if (this.#isLost) this.#deps.logger.info({}, 'Redis is listened to again');
    this.#isLost = false;
  }

  async #inTime(work: Promise<unknown>, milliseconds: number): Promise<void> {
    const { signal, clear } = withDeadline(this.#deps.clock, milliseconds);
    const late = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await Promise.race([work, late]);
    } finally {
      clear();
    }
  }
}
