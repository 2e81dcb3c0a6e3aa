import { offlineProviderName } from '../offline/offline-name.ts';
import type { Route } from '../router/index.ts';
import type { CachedAnswer } from './answer-cache.ts';
import type { CallRoute } from './gateway.ts';

/** What is told of a way through the router. */
export function routeOf(route: Route, cache: 'miss' | 'off'): CallRoute {
  const { deployment, attempts, groups, overheadMs } = route;
  const provider = deployment.provider().name;
  return {
    deployment: deployment.id,
    provider,
    model: deployment.model,
    attempts,
    groups,
    overheadMs,
    cache,
    offline: provider === offlineProviderName,
  };
}

/** What is told of an answer from the cache: who gave it the first time. */
export function routeOfHit(hit: CachedAnswer, overheadMs: number): CallRoute {
  const { deployment, provider, model, group } = hit;
  return {
    deployment,
    provider,
    model,
    attempts: 0,
    groups: [group],
    overheadMs,
    cache: 'hit',
    offline: provider === offlineProviderName,
  };
}
