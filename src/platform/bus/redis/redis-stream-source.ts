import { AppError, type Clock } from '../../../base/index.ts';
import { RedisRefusal, type RedisArgument, type RedisClient, type RedisReply } from '../../redis/index.ts';
import type { ConsumeOptions, StreamEntry } from '../event-streams.ts';
import type { StreamSource } from '../streams/stream-source.ts';
import { dataOf, entriesOf, type RawEntry } from './stream-replies.ts';
import { leaveGroup, trimStream } from './stream-scripts.ts';

const blockMs = 2000;
const graceMs = 3000;
const defaultClaimAfterMs = 60_000;
const claimLimit = 500;
const tidyAfter = 1000;
const beginning = '0-0';

interface SourceParts {
  readonly redis: RedisClient;
  readonly clock: Clock;
  /** Key of the stream. */
  readonly key: string;
  readonly group: string;
  readonly consumer: string;
  readonly options: ConsumeOptions;
}

/** One consumer of a group of a Redis stream. */
export class RedisStreamSource implements StreamSource {
  readonly #parts: SourceParts;
  /** Blocking reads need a connection of their own. */
  #blocking: RedisClient | undefined;
  /** While not `undefined`: own pending entries behind this id come first. */
  #owed: string | undefined = beginning;
  #lastClaim = 0;
  #acknowledged = 0;

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  async open(signal: AbortSignal): Promise<void> {
    // A new connection after every failure: the old one may only look alive.
    await this.#blocking?.stop();
    this.#blocking = this.#parts.redis.duplicate();
    await this.#blocking.start();
    await this.#makeGroup(signal);
    await this.#claim(signal);
    this.#owed = beginning;
  }

  async read(limit: number, signal: AbortSignal): Promise<readonly StreamEntry[]> {
    const { clock, options } = this.#parts;
    const claimAfterMs = options.claimAfterMs ?? defaultClaimAfterMs;
    if (options.sole !== true && clock.now() - this.#lastClaim >= claimAfterMs / 2) {
      if (await this.#claim(signal)) this.#owed = beginning;
    }
    if (this.#owed !== undefined) {
      const owed = await this.#readOwed(limit, this.#owed, signal);
      if (owed.length > 0) return owed;
      this.#owed = undefined;
    }
    const fresh = await this.#ask(limit, '>', { blockMs, signal });
    return fresh.map(({ id, fields }) => ({ id, ...dataOf(fields ?? new Map()), attempt: 1 }));
  }

  async acknowledge(entries: readonly StreamEntry[]): Promise<void> {
    const { redis, key, group, options } = this.#parts;
    await redis.command('XACK', [key, group, ...entries.map(({ id }) => id)]);
    if (options.keepMs === undefined) return;
    this.#acknowledged += entries.length;
    if (this.#acknowledged < tidyAfter) return;
    this.#acknowledged = 0;
    await redis.script(trimStream, [key], [options.keepMs, 0]);
  }

  async touch(entries: readonly StreamEntry[]): Promise<void> {
    const { redis, key, group, consumer } = this.#parts;
    await redis.command('XCLAIM', [key, group, consumer, 0, ...entries.map(({ id }) => id), 'JUSTID']);
  }

  async close(): Promise<void> {
    const { redis, key, group, consumer } = this.#parts;
    await this.#blocking?.stop();
    this.#blocking = undefined;
    // What it did not acknowledge stays pending under its name until another takes it.
    await redis.script(leaveGroup, [key], [group, consumer]).catch(() => {});
  }

  async #makeGroup(signal: AbortSignal): Promise<void> {
    const { redis, key, group } = this.#parts;
    try {
      await redis.command('XGROUP', ['CREATE', key, group, '0', 'MKSTREAM'], { signal });
    } catch (error) {
      if (!(error instanceof RedisRefusal) || error.code !== 'BUSYGROUP') throw error;
    }
  }

  /** Takes over what other readers left; true when there was something. The next read counts it as an attempt. */
  async #claim(signal: AbortSignal): Promise<boolean> {
    const { redis, clock, key, group, consumer, options } = this.#parts;
    const idleMs = options.sole === true ? 0 : (options.claimAfterMs ?? defaultClaimAfterMs);
    this.#lastClaim = clock.now();
    let any = false;
    for (let cursor: RedisReply = beginning; ;) {
      const reply = await redis.command(
        'XAUTOCLAIM',
        [key, group, consumer, idleMs, cursor, 'COUNT', claimLimit, 'JUSTID'],
        { signal },
      );
      const [next, ids] = reply as [string, readonly string[]];
      any ||= ids.length > 0;
      if (next === beginning) return any;
      cursor = next;
    }
  }

  async #readOwed(limit: number, after: string, signal: AbortSignal): Promise<readonly StreamEntry[]> {
    const { redis, key, group, consumer } = this.#parts;
    for (let from = after; ;) {
      const owed = await this.#ask(limit, from, { signal });
      const first = owed[0];
      const last = owed.at(-1);
      if (first === undefined || last === undefined) return [];
      from = last.id;
      this.#owed = from;
      const gone = owed.filter(({ fields }) => fields === undefined).map(({ id }) => id);
      if (gone.length > 0) await redis.command('XACK', [key, group, ...gone]);
      const attempts = await this.#attempts(first.id, last.id, owed.length, consumer);
      const entries = owed.flatMap(({ id, fields }) =>
        fields === undefined ? [] : [{ id, ...dataOf(fields), attempt: attempts.get(id) ?? 1 }],
      );
      if (entries.length > 0) return entries;
    }
  }

  async #attempts(
    first: string,
    last: string,
    count: number,
    consumer: string,
  ): Promise<ReadonlyMap<string, number>> {
    const { redis, key, group } = this.#parts;
    const reply = await redis.command('XPENDING', [key, group, first, last, count, consumer]);
    const rows = reply as readonly (readonly [string, string, number, number])[];
    return new Map(rows.map(([id, , , deliveries]) => [id, deliveries]));
  }

  async #ask(
    limit: number,
    from: string,
    options: { readonly blockMs?: number; readonly signal: AbortSignal },
  ): Promise<readonly RawEntry[]> {
    const { key, group, consumer } = this.#parts;
    if (this.#blocking === undefined) throw new AppError('not_ready', 'The stream is not open.');
    const block: readonly RedisArgument[] = options.blockMs === undefined ? [] : ['BLOCK', options.blockMs];
    const reply = await this.#blocking.bytes(
      'XREADGROUP',
      ['GROUP', group, consumer, 'COUNT', limit, ...block, 'STREAMS', key, from],
      { timeoutMs: blockMs + graceMs, signal: options.signal },
    );
    return entriesOf(reply);
  }
}
