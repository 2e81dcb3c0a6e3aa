import { createHash } from 'node:crypto';
import type { Clock, Logger } from '../../../base/index.ts';
import type { RedisClient } from '../../../platform/redis/index.ts';
import type { AnswerStore, KeptAnswer } from './answer-store.ts';
import { decodeAnswer, encodeAnswer } from './encode-answer.ts';

/** A cache that is slower than that is no help. */
const readMs = 150;
const writeMs = 2000;

/** Answers in Redis, for all processes. Clearing a tenant notes the moment: what was stored until then no longer counts. */
export function createRedisAnswerStore(deps: {
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default `a33:cache:`. */
  readonly prefix?: string;
}): AnswerStore {
  const { redis, clock, logger, prefix = 'a33:cache:' } = deps;
  let failing = false;

  const digest = (tenant: string): string =>
    createHash('sha256').update(tenant).digest('base64url').slice(0, 22);
  const clearedKey = (tenant: string): string => `${prefix}${digest(tenant)}:cleared`;
  const answerKey = (tenant: string, key: string): string => `${prefix}${digest(tenant)}:${key}`;

  function note(error: unknown): void {
    if (!failing) logger.debug({ error }, 'the shared cache cannot be reached');
    failing = true;
  }

  /** Both in one round trip; they lie in one slot only without a cluster, which this client does not speak. */
  async function read(tenant: string, key: string, signal: AbortSignal): Promise<KeptAnswer | undefined> {
    const reply = await redis.command('MGET', [clearedKey(tenant), answerKey(tenant, key)], {
      signal,
      timeoutMs: readMs,
    });
    failing = false;
    const [cleared, text] = Array.isArray(reply) ? (reply as readonly (string | null)[]) : [];
    if (typeof text !== 'string') return undefined;
    const kept = decodeAnswer(text);
    if (kept === undefined || kept.expiresMs <= clock.now()) return undefined;
    return kept.storedMs <= Number(cleared ?? 0) ? undefined : kept;
  }

  return {
    async get(tenant, key, signal) {
      try {
        return await read(tenant, key, signal);
      } catch (error) {
        if (!signal.aborted) note(error);
        return undefined;
      }
    },

    set(tenant, key, kept) {
      const ttlMs = Math.ceil(kept.expiresMs - clock.now());
      if (ttlMs <= 0) return;
      redis
        .command('SET', [answerKey(tenant, key), encodeAnswer(kept), 'PX', ttlMs], { timeoutMs: writeMs })
        .then(() => {
          failing = false;
        }, note);
    },

    async clear(tenant) {
      // Everything stored until now is of no worth any more; Redis drops it when its time has come.
      await redis.command('SET', [clearedKey(tenant), String(clock.now())], { timeoutMs: writeMs });
    },
  };
}
