import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { HealthReport } from '../../../base/index.ts';
import type { RedisClient } from '../../redis/index.ts';
import type { AppendOptions, ConsumeOptions, StreamMessage } from '../event-streams.ts';
import { StreamSet, type StreamSetDeps } from '../streams/stream-set.ts';
import type { StreamSource } from '../streams/stream-source.ts';
import { dataField, wrapMessage } from './faststream-envelope.ts';
import { checkDurability, durabilityHealth, type Durability } from './redis-durability.ts';
import { RedisStreamSource } from './redis-stream-source.ts';
import { appendExpiring, trimStream } from './stream-scripts.ts';

export interface RedisStreamsDeps extends StreamSetDeps {
  /** Not started; nobody else stops it. */
  readonly redis: RedisClient;
  /** In front of every stream's name. */
  readonly prefix?: string;
}

const trimEvery = 100;

/** Streams in Redis, whose entries FastStream can read and write. */
export class RedisStreams extends StreamSet {
  readonly name = 'redis-streams';
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #consumer = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  #readers = 0;
  #appended = 0;
  /** For which of the client's connections the server was looked at. */
  #checked = { connection: 0, durability: undefined as Durability | undefined };

  constructor(deps: RedisStreamsDeps) {
    super(deps);
    this.#redis = deps.redis;
    this.#prefix = deps.prefix ?? '';
  }

  async health(signal: AbortSignal): Promise<HealthReport> {
    const health = await this.#redis.health(signal);
    if (health.status === 'down') return health;
    const durability = await this.#durability().catch(() => undefined);
    return durability === undefined ? health : durabilityHealth(durability);
  }

  protected async open(): Promise<void> {
    await this.#redis.start();
    await this.#durability().catch(() => {});
  }

  protected close(): Promise<void> {
    return this.#redis.stop();
  }

  protected async write(stream: string, message: StreamMessage, options: AppendOptions): Promise<string> {
    const key = `${this.#prefix}${stream}`;
    const value = wrapMessage(message);
    const id =
      options.expireMs === undefined
        ? await this.#redis.command('XADD', [key, '*', dataField, value])
        : await this.#redis.script(appendExpiring, [key], [dataField, value, options.expireMs]);
    if (options.keepEntries !== undefined && (this.#appended += 1) % trimEvery === 0)
      await this.#redis.script(trimStream, [key], [0, options.keepEntries]);
    return String(id);
  }

  protected createSource(stream: string, group: string, options: ConsumeOptions): StreamSource {
    this.#readers += 1;
    const source = new RedisStreamSource({
      redis: this.#redis,
      clock: this.deps.clock,
      key: `${this.#prefix}${stream}`,
      group,
      consumer: `${this.#consumer}-${this.#readers}`,
      options,
    });
    return {
      open: async (signal) => {
        // Another server may answer after a reconnect: looked at again before anything is read.
        const durability = await this.#durability();
        if (durability.refusal !== undefined) throw durability.refusal;
        await source.open(signal);
      },
      read: (limit, signal) => source.read(limit, signal),
      acknowledge: (entries) => source.acknowledge(entries),
      touch: (entries) => source.touch(entries),
      close: () => source.close(),
    };
  }

  async #durability(): Promise<Durability> {
    const { connections: connection } = this.#redis;
    const known = this.#checked;
    if (known.durability !== undefined && known.connection === connection) return known.durability;
    const durability = await checkDurability(this.#redis);
    for (const warning of durability.warnings) this.deps.logger.warn({}, warning);
    this.#checked = { connection, durability };
    return durability;
  }
}
