import type { Clock, Logger } from '../base/index.ts';
import {
  createAnswerCache,
  createRedisAnswerStore,
  MemoryAnswerStore,
  type AnswerCache,
  type ModelGateway,
} from '../capabilities/models/index.ts';
import type { Metrics } from '../platform/observability/index.ts';
import type { RedisClient } from '../platform/redis/index.ts';
import type { ModelCacheSettings } from '../protocol/index.ts';

const defaultMaxBytes = 64 * 1024 * 1024;

/** The cache of answers: in Redis where processes share one, else in this process. */
export function composeCache(parts: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly redis: RedisClient | undefined;
  /** What all keys in Redis begin with. */
  readonly redisPrefix: string;
  /** As they are now. */
  readonly settings: () => ModelCacheSettings | undefined;
  /** By which questions become vectors. */
  readonly gateway: () => Pick<ModelGateway, 'embed'>;
}): AnswerCache {
  const { clock, redis, settings, gateway } = parts;
  const store =
    redis === undefined
      ? new MemoryAnswerStore({ clock, maxBytes: () => settings()?.exact?.maxBytes ?? defaultMaxBytes })
      : createRedisAnswerStore({ ...parts, redis, prefix: `${parts.redisPrefix}cache:` });
  return createAnswerCache({
    ...parts,
    store,
    embed: async (group, text, { caller, signal }) => {
      const { requestId, scope, tags } = caller;
      const answer = await gateway().embed({
        // The platform asks, for the tenant: what the caller's key may use does not matter here.
        caller: {
          requestId,
          scope: { ...scope, principal: 'system' },
          ...(tags === undefined ? {} : { tags }),
        },
        reference: { name: group },
        request: () => ({ texts: [text] }),
        signal,
      });
      return answer.kind === 'vectors' ? (answer.response.vectors[0] ?? []) : [];
    },
  });
}
