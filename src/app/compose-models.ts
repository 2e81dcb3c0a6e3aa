import type { Clock, IdGenerator } from '../base/index.ts';
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
import { createModels, modelServerHosts } from '../capabilities/models/index.ts';
import type { LoadedProject } from '../engine/definitions/index.ts';
import { createEgressClient } from '../platform/http-client/index.ts';
import type { HealthAggregator, Metrics } from '../platform/observability/index.ts';
import { createRedis, type RedisClient } from '../platform/redis/index.ts';
import { createApiKeyStore } from '../platform/security/index.ts';
import type { Storage } from '../platform/storage/index.ts';
import type { ProjectDefinition } from '../protocol/index.ts';
import type { AppOptions } from './app-options.ts';
import type { Lifecycle } from './lifecycle.ts';
import { modelSourcesOf } from './model-sources.ts';

/** What the model side is put together from. */
export interface ModelSideParts {
  readonly options: AppOptions;
  readonly lifecycle: Lifecycle;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly metrics: Metrics;
  readonly health: HealthAggregator;
  /** Settings of the project as they are now. */
  readonly settings: () => ProjectDefinition['spec'];
  /** Private hosts that the operator has opened. */
  readonly allowPrivate: readonly string[];
}

/** Where counts are kept: in Redis or PostgreSQL where processes share them, else in this process. */
function createLedger({ storage, clock, options }: ModelSideParts, redis: RedisClient | undefined): Ledger {
  const { logger } = options;
  if (redis !== undefined) return createRedisLedger({ redis, storage, clock, logger });
  if (storage.kind === 'postgres') return createSqlLedger({ storage, clock, logger });
  return new MemoryLedger({ storage, clock, logger });
}

/** Models with everything that stands around their calls: list, limits, budgets, usage. */
export function composeModels(parts: ModelSideParts) {
  const { options, lifecycle, storage, clock, ids, metrics, health, settings, allowPrivate } = parts;
  const { config, environment, logger } = options;
  const redis = config.REDIS_URL === undefined ? undefined : createRedis(config.REDIS_URL, { logger, clock });
  if (redis !== undefined)
    health.add({ name: 'redis', critical: false, check: (signal) => redis.health(signal) });
  const keys = createApiKeyStore({ storage, clock, ids });
  const callers = createCallerDirectory({ keys });
  const stored = new SqlStoredLimits({ storage, clock, logger });
  const file = createFileLimits(() => settings().models.limits);
  const usage = new SqlUsageStore({
    storage,
    clock,
    logger,
    metrics,
    retentionMs: () => settings().models.usage.retention,
  });
  const ledger = createLedger(parts, redis);
  const accounting = createAccounting({
    ledger,
    limits: createLimitSource({ stored, file, callers }),
    usage,
    clock,
    ids,
    logger,
  });
  const egress = createEgressClient({
    // What the model list names is written by the operator, as the configuration is.
    allowPrivate: () => [...modelServerHosts(config), ...allowPrivate, ...models.list.hosts()],
  });
  lifecycle.onStop('model-egress', () => egress.close());
  const models = createModels({
    config,
    environment,
    egress,
    clock,
    metrics,
    logger,
    accounting,
    callers,
    settings: () => settings().models,
    projectDir: config.projectDir,
    onSecret: (value) => options.redactor?.learn([value]),
    ...(options.providers === undefined ? {} : { providers: options.providers }),
  });
  return {
    models,
    usage: createUsageReports({ storage, flush: () => usage.flush() }),
    limits: createLimitDesk({ stored, file, ledger, keys }),
    /** Takes over what the project says about models. */
    apply: (project: LoadedProject) => models.list.apply(modelSourcesOf(project)),
    /** Starts what needs the open database, and the models. */
    start: async (): Promise<void> => {
      if (redis !== undefined) await lifecycle.start(redis);
      await Promise.all([lifecycle.start(stored), lifecycle.start(usage), lifecycle.start(accounting)]);
      await lifecycle.start(models);
    },
  };
}
