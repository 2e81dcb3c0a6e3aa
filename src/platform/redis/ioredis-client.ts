import type { Redis, RedisOptions } from 'ioredis';
import {
  AppError,
  connectionFault,
  withDeadline,
  type Clock,
  type HealthReport,
  type Logger,
} from '../../base/index.ts';
import type {
  RedisArgument,
  RedisBytesReply,
  RedisClient,
  RedisCommandOptions,
  RedisReply,
  RedisScript,
} from './redis-client.ts';
import { RedisRefusal } from './redis-refusal.ts';

interface IoredisClientDeps {
  readonly logger: Logger;
  readonly clock: Clock;
}

const commandLimitMs = 2000;
const connectLimitMs = 5000;
const quitLimitMs = 1000;
// A server that says nothing for so long while it owes answers is gone.
const silenceMs = 10_000;
const firstPauseMs = 100;
const longestPauseMs = 5000;

/** Codes with which Redis says that it cannot serve now, but will. */
const passing = /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|NOREPLICAS|OOM)\b/;
const credentials = /^(NOAUTH|WRONGPASS|NOPERM)\b|invalid password/;

/** A connection by the library ioredis, which is loaded when the connection is started. */
export class IoredisClient implements RedisClient {
  readonly name = 'redis';
  readonly #url: string;
  readonly #isForBlocking: boolean;
  readonly #deps: IoredisClientDeps;
  #redis: Redis | undefined;
  #isLost = false;
  #connections = 0;
  #evicts: string | undefined;
  /** What the last try to connect failed with. */
  #fault = '';

  constructor(url: string, deps: IoredisClientDeps, options: { readonly isForBlocking: boolean }) {
    this.#url = url;
    this.#deps = deps;
    this.#isForBlocking = options.isForBlocking;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Resolves without a connection too, after 5 s of trying. Error: `invalid_config` where Redis refuses the credentials. */
  async start(): Promise<void> {
    if (this.#redis !== undefined) return;
    const { Redis: Connection } = await import('ioredis');
    const redis = new Connection(this.#url, this.#options());
    this.#redis = redis;
    let refused: string | undefined;
    redis.on('error', (error: Error) => {
      if (credentials.test(error.message)) refused = error.message;
      this.#fault = connectionFault(error);
    });
    redis.on('close', () => this.#lost());
    redis.on('ready', () => void this.#ready());
    const { signal, clear } = withDeadline(this.#deps.clock, connectLimitMs);
    const late = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([redis.connect().catch(() => {}), late]);
    clear();
    if (refused === undefined) return;
    await this.stop();
    throw new AppError('invalid_config', 'Redis refuses the user or password of REDIS_URL.');
  }

  async stop(): Promise<void> {
    const redis = this.#redis;
    if (redis === undefined) return;
    this.#redis = undefined;
    redis.removeAllListeners('close');
    const { signal, clear } = withDeadline(this.#deps.clock, quitLimitMs);
    const late = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    if (redis.status === 'ready' && !this.#isForBlocking) {
      await Promise.race([redis.quit().catch(() => {}), late]);
    }
    clear();
    redis.disconnect();
  }

  async command(
    name: string,
    args: readonly RedisArgument[],
    options: RedisCommandOptions = {},
  ): Promise<RedisReply> {
    return (await this.#ask('call', name, args, options)) as RedisReply;
  }

  async bytes(
    name: string,
    args: readonly RedisArgument[],
    options: RedisCommandOptions = {},
  ): Promise<RedisBytesReply> {
    return (await this.#ask('callBuffer', name, args, options)) as RedisBytesReply;
  }

  async #ask(
    method: 'call' | 'callBuffer',
    name: string,
    args: readonly RedisArgument[],
    options: RedisCommandOptions,
  ): Promise<unknown> {
    const redis = this.#redis;
    if (redis === undefined) throw new AppError('not_ready', 'The connection to Redis is not open.');
    options.signal?.throwIfAborted();
    if (redis.status !== 'ready') throw unavailable('Redis cannot be reached.');
    const { timeoutMs = commandLimitMs, signal: parent } = options;
    const { signal, clear } = withDeadline(this.#deps.clock, timeoutMs, parent);
    try {
      return await new Promise<unknown>((resolve, reject) => {
        signal.addEventListener(
          'abort',
          () =>
            reject(
              parent?.aborted
                ? (parent.reason as Error)
                : unavailable(`Redis did not answer within ${timeoutMs} ms.`),
            ),
          { once: true },
        );
        redis[method](name, args.map(toArgument)).then(resolve, (error: unknown) => reject(toError(error)));
      });
    } finally {
      clear();
    }
  }

  async script(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    options: RedisCommandOptions = {},
  ): Promise<RedisReply> {
    try {
      return await this.command('EVALSHA', [script.sha, keys.length, ...keys, ...args], options);
    } catch (error) {
      if (!(error instanceof RedisRefusal) || error.code !== 'NOSCRIPT') throw error;
      return await this.command('EVAL', [script.lua, keys.length, ...keys, ...args], options);
    }
  }

  duplicate(): RedisClient {
    return new IoredisClient(this.#url, this.#deps, { isForBlocking: true });
  }

  async health(signal: AbortSignal): Promise<HealthReport> {
    const begun = performance.now();
    try {
      await this.command('PING', [], { signal });
    } catch {
      const why = this.#redis?.status === 'ready' || this.#fault === '' ? '' : `: ${this.#fault}`;
      return { status: 'down', detail: `Redis does not answer${why}. It is tried again.` };
    }
    const metrics = { pingMs: Math.round((performance.now() - begun) * 100) / 100 };
    if (this.#evicts === undefined) return { status: 'ok', detail: 'Redis answers.', metrics };
    return {
      status: 'degraded',
      detail: `Redis throws data away when its memory is full (maxmemory-policy ${this.#evicts}); set noeviction.`,
      metrics,
    };
  }

  #options(): Omit<RedisOptions, 'replyMapping'> {
    return {
      lazyConnect: true,
      connectionName: 'agent33',
      connectTimeout: connectLimitMs,
      keepAlive: 10_000,
      ...(this.#isForBlocking ? {} : { socketTimeout: silenceMs }),
      // A command that may have been done is never sent again, and none waits for a connection.
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(times - 1, 10)),
    };
  }

  #lost(): void {
    if (this.#isLost || this.#redis === undefined) return;
    this.#isLost = true;
    this.#deps.logger.warn({}, 'the connection to Redis was lost; it is tried again');
  }

  async #ready(): Promise<void> {
    this.#connections += 1;
    if (this.#isLost) this.#deps.logger.info({}, 'Redis answers again');
    this.#isLost = false;
    // Where it may not be asked, nothing is said.
    const text = await this.command('INFO', ['memory']).catch(() => '');
    const facts = typeof text === 'string' ? text : '';
    const policy = /^maxmemory_policy:(\S+)/m.exec(facts)?.[1] ?? 'noeviction';
    const isBounded = /^maxmemory:[1-9]/m.test(facts);
    this.#evicts = isBounded && policy !== 'noeviction' ? policy : undefined;
  }
}

function toArgument(value: RedisArgument): string | number | Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

function unavailable(message: string, cause?: unknown): AppError {
  return new AppError('storage_unavailable', message, cause === undefined ? {} : { cause });
}

function toError(error: unknown): Error {
  if (!(error instanceof Error)) return unavailable('Redis failed.', error);
  if (error.name !== 'ReplyError') return unavailable('Redis cannot be reached.', error);
  if (passing.test(error.message)) return unavailable('Redis cannot serve now.', error);
  return new RedisRefusal(error.message, { cause: error });
}
