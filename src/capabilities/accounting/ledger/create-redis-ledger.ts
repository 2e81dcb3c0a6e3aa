import type { Clock, Logger } from '../../../base/index.ts';
import type { RedisClient } from '../../../platform/redis/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type { Ledger } from '../ledger.ts';
import { GroupCommitLedger } from './group-commit-ledger.ts';
import { RedisLedgerStore } from './redis-ledger-store.ts';

export interface RedisLedgerDeps {
  /** Started by whoever made it. */
  readonly redis: RedisClient;
  /** Where what is spent survives a Redis that forgets. */
  readonly storage: Pick<Storage, 'db'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Before all keys (default `a33:`): installations that share a Redis need one each. */
  readonly prefix?: string;
  /** Length of the window of calls and tokens, by default a minute; for tests. */
  readonly windowMs?: number;
}

/** The ledger of several processes on one Redis, with the database as its memory. */
export function createRedisLedger(deps: RedisLedgerDeps): Ledger {
  const { prefix = 'a33:', windowMs = 60_000 } = deps;
  const store = new RedisLedgerStore({ ...deps, prefix, windowMs });
  return new GroupCommitLedger({ store, clock: deps.clock, logger: deps.logger });
}
