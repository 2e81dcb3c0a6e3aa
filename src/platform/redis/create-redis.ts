import type { Clock, Logger } from '../../base/index.ts';
import { IoredisClient } from './ioredis-client.ts';
import { IoredisSubscriber } from './ioredis-subscriber.ts';
import type { RedisClient, RedisSubscriber } from './redis-client.ts';

/** A connection to the Redis of `url` (`redis://user:password@host:6379/0`, `rediss://` for TLS), not started. */
export function createRedis(
  url: string,
  deps: { readonly logger: Logger; readonly clock: Clock },
): RedisClient {
  return new IoredisClient(url, deps, { isForBlocking: false });
}

/** A connection to the Redis of `url` that listens to channels, not started. */
export function createRedisSubscriber(
  url: string,
  deps: { readonly logger: Logger; readonly clock: Clock },
): RedisSubscriber {
  return new IoredisSubscriber(url, deps);
}
