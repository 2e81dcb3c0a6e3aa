import type { Deployment, ModelList } from './router/index.ts';

/** The list of a project that writes none: every name is `provider/model`, a prefix or the default provider's. */
export function emptyModelList(timeoutMs: number): ModelList {
  return {
    groups: new Map(),
    aliases: new Map(),
    deployments: new Map(),
    settings: {
      strategy: 'weighted-shuffle',
      numRetries: 2,
      retryPolicy: {},
      groupRetryPolicies: new Map(),
      allowedFails: undefined,
      allowedFailsPolicy: {},
      cooldownMs: 5000,
      disableCooldowns: false,
      retryAfterMs: 0,
      fallbacks: new Map(),
      contextWindowFallbacks: new Map(),
      contentPolicyFallbacks: new Map(),
      defaultFallbacks: [],
      maxFallbacks: 5,
      preCallChecks: false,
      tagFiltering: false,
      tagMatchAll: false,
      tagFailOpen: false,
      timeoutMs,
    },
    notes: [],
  };
}

/** The first deployment behind a name of the list: of an alias, a group, or the deployment with that id. */
export function listedDeployment(list: ModelList, name: string): Deployment | undefined {
  return list.groups.get(list.aliases.get(name) ?? name)?.[0] ?? list.deployments.get(name);
}
