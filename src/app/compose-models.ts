import type { Clock, IdGenerator } from '../base/index.ts';
import { createLiveGuards, createModels, modelServerHosts } from '../capabilities/models/index.ts';
import type { LoadedProject } from '../engine/definitions/index.ts';
import type { HealthAggregator, Metrics, Tracing } from '../platform/observability/index.ts';
import type { Storage } from '../platform/storage/index.ts';
import type { ProjectDefinition } from '../protocol/index.ts';
import type { AppOptions } from './app-options.ts';
import { composeAccounting } from './compose-accounting.ts';
import { composeCache } from './compose-cache.ts';
import type { Lifecycle } from './lifecycle.ts';
import { createModelEgress } from './model-egress.ts';
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
  readonly tracing: Tracing | undefined;
  /** Settings of the project as they are now. */
  readonly settings: () => ProjectDefinition['spec'];
  /** Private hosts that the operator has opened. */
  readonly allowPrivate: readonly string[];
}

/** Models with everything that stands around their calls: list, limits, budgets, usage. */
export function composeModels(parts: ModelSideParts) {
  const { options, lifecycle, storage, clock, ids, metrics, health, tracing, settings, allowPrivate } = parts;
  const { config, environment, logger } = options;
  const side = composeAccounting({
    storage,
    clock,
    ids,
    logger,
    metrics,
    redisUrl: config.REDIS_URL,
    redisPrefix: config.REDIS_PREFIX,
    settings: () => settings().models,
  });
  const { redis } = side;
  if (redis !== undefined)
    health.add({ name: 'redis', critical: false, check: (signal) => redis.health(signal) });
  const egress = createModelEgress({
    // What the model list names is written by the operator, as the configuration is.
    allowPrivate: () => [...modelServerHosts(config), ...allowPrivate, ...models.list.hosts()],
  });
  lifecycle.onStop('model-egress', () => egress.close());
  const guards = createLiveGuards({
    clock,
    logger,
    metrics,
    settings: () => settings().models.guards,
    plugins: options.guards ?? [],
  });
  const cache = composeCache({
    clock,
    logger,
    metrics,
    redis,
    redisPrefix: config.REDIS_PREFIX,
    settings: () => settings().models.cache,
    gateway: () => models.gateway,
  });
  const models = createModels({
    config,
    environment,
    egress,
    clock,
    metrics,
    logger,
    ...(tracing === undefined ? {} : { tracing }),
    accounting: side.accounting,
    callers: side.callers,
    guards,
    cache: () => cache,
    settings: () => settings().models,
    projectDir: config.projectDir,
    onSecret: (value) => options.redactor?.learn([value]),
    ...(options.providers === undefined ? {} : { providers: options.providers }),
  });
  return {
    models,
    cache,
    accounting: side,
    /** Takes over what the project says about models. */
    apply: (project: LoadedProject) => models.list.apply(modelSourcesOf(project)),
    /** Starts what needs the open database, and the models. */
    start: async (): Promise<void> => {
      for (const service of side.services) await lifecycle.start(service);
      await lifecycle.start(models);
    },
  };
}
