import type { Clock, IdGenerator, Logger } from '../base/index.ts';
import {
  createAccounting,
  createCallerDirectory,
  createFileLimits,
  createLimitDesk,
  createLimitSource,
  createRedisLedger,
  createSqlLedger,
  createUsageReports,
  MemoryLedger,
  SqlStoredLimits,
  SqlUsageStore,
  type Ledger,
} from '../capabilities/accounting/index.ts';
import type { Metrics } from '../platform/observability/index.ts';
import { createRedis, type RedisClient } from '../platform/redis/index.ts';
import { createApiKeyStore } from '../platform/security/index.ts';
import type { Storage } from '../platform/storage/index.ts';
import type { ProjectDefinition } from '../protocol/index.ts';

/** Where counts are kept: in Redis or PostgreSQL where processes share them, else in this process. */
function createLedger(
  parts: { readonly storage: Storage; readonly clock: Clock; readonly logger: Logger },
  redis: RedisClient | undefined,
  prefix: string,
): Ledger {
  if (redis !== undefined) return createRedisLedger({ ...parts, redis, prefix });
  return parts.storage.kind === 'postgres' ? createSqlLedger(parts) : new MemoryLedger(parts);
}

/** Who may use how much of the models, and what was used. */
export function composeAccounting(parts: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Address of the Redis that processes share. */
  readonly redisUrl: string | undefined;
  /** What its keys begin with. */
  readonly redisPrefix: string;
  /** What the project says of models, as it is now. */
  readonly settings: () => ProjectDefinition['spec']['models'];
}) {
  const { storage, settings } = parts;
  const apiKeys = createApiKeyStore(parts);
  const callers = createCallerDirectory({ keys: apiKeys });
  const redis = parts.redisUrl === undefined ? undefined : createRedis(parts.redisUrl, parts);
  const ledger = createLedger(parts, redis, parts.redisPrefix);
  const rows = new SqlUsageStore({ ...parts, retentionMs: () => settings().usage.retention });
  const stored = new SqlStoredLimits(parts);
  const file = createFileLimits(() => settings().limits);
  const limits = createLimitSource({ stored, file, callers });
  const accounting = createAccounting({ ...parts, ledger, limits, usage: rows });
  return {
    apiKeys,
    callers,
    accounting,
    /** Usage rows that wait for the database. */
    health: () => rows.health(),
    usage: createUsageReports({ storage, flush: () => rows.flush() }),
    limits: createLimitDesk({ stored, file, ledger, keys: apiKeys }),
    /** In the order in which they start, on an open database. */
    services: [...(redis === undefined ? [] : [redis]), stored, rows, accounting],
    redis,
  };
}
