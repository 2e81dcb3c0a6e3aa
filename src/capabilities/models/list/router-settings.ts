import type { JsonObject } from '../../../base/index.ts';
import type { RouterSpec } from '../../../protocol/index.ts';
import type { Fallbacks, FallbackTarget, RouterSettings } from '../router/deployment.ts';

type Targets = NonNullable<RouterSpec['defaultFallbacks']>;

const withoutAbsent = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

function targetsOf(targets: Targets): readonly FallbackTarget[] {
  return targets.map(({ model, params }) =>
    Object.keys(params).length === 0 ? { model } : { model, params: params as JsonObject },
  );
}

function mapOf(written: RouterSpec['fallbacks']): Fallbacks {
  return new Map(Object.entries(written ?? {}).map(([name, targets]) => [name, targetsOf(targets)]));
}

/** What holds where the router says nothing. */
export interface RouterDefaults {
  /** The whole call, in milliseconds. */
  readonly timeoutMs: number;
  readonly preCallChecks: boolean;
}

/** The router's settings with their defaults. */
export function routerSettings(written: RouterSpec, defaults: RouterDefaults): RouterSettings {
  return {
    strategy: written.strategy ?? 'weighted-shuffle',
    numRetries: written.retries ?? 2,
    retryPolicy: withoutAbsent(written.retryPolicy ?? {}),
    groupRetryPolicies: new Map(
      Object.entries(written.groupRetryPolicies ?? {}).map(([name, policy]) => [name, withoutAbsent(policy)]),
    ),
    allowedFails: written.allowedFails,
    allowedFailsPolicy: withoutAbsent(written.allowedFailsPolicy ?? {}),
    cooldownMs: written.cooldown ?? 5000,
    disableCooldowns: written.disableCooldowns ?? false,
    retryAfterMs: written.retryAfter ?? 0,
    fallbacks: mapOf(written.fallbacks),
    contextWindowFallbacks: mapOf(written.contextWindowFallbacks),
    contentPolicyFallbacks: mapOf(written.contentPolicyFallbacks),
    defaultFallbacks: targetsOf(written.defaultFallbacks ?? []),
    maxFallbacks: written.maxFallbacks ?? 5,
    preCallChecks: written.preCallChecks ?? defaults.preCallChecks,
    tagFiltering: written.tagFiltering ?? false,
    tagMatchAll: written.tagMatch === 'all',
    tagFailOpen: written.tagFailOpen ?? false,
    groupTags: new Map(
      Object.entries(written.groupTags ?? {}).map(([name, { filtering, failOpen }]) => [
        name,
        withoutAbsent({ tagFiltering: filtering, tagFailOpen: failOpen }),
      ]),
    ),
    timeoutMs: written.timeout ?? defaults.timeoutMs,
  };
}
