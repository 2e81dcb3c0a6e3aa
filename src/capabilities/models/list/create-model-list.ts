import { didYouMean, type Clock, type Environment } from '../../../base/index.ts';
import type { ModelPrice } from '../../accounting/index.ts';
import type { Deployment, ModelList } from '../router/deployment.ts';
import { buildDeployment, type BuiltDeployment } from './build-deployment.ts';
import { checkNames } from './check-names.ts';
import { deploymentIds } from './deployment-id.ts';
import { fingerprintOf } from './fingerprint.ts';
import { placeText, type ModelListFault } from './location.ts';
import { mergeParts } from './merge-parts.ts';
import type { ListedDeployment, ModelListPart } from './model-list-part.ts';
import { ProviderCache, type BuildProvider } from './provider-cache.ts';
import { ReferenceResolver } from './references.ts';
import { routerSettings } from './router-settings.ts';
import { createEnvironmentSecrets, type SecretReader } from './secret-reader.ts';

/** What a model list is made with. */
export interface ModelListDeps {
  readonly buildProvider: BuildProvider;
  readonly clock: Clock;
  readonly environment: Environment;
  /** Default: the environment's (`SECRET_<PROVIDER>_<FIELD>`). */
  readonly secrets?: SecretReader;
  /** Prices that no deployment states: the project's, then the table. */
  readonly priceOf?: (provider: string, model: string) => ModelPrice | undefined;
  /** Kinds of provider and names of registered ones; absent: every name may be one. */
  readonly providers?: () => readonly string[];
  /** Beginnings of model names that speak for a provider. */
  readonly prefixes?: readonly string[];
  /** The whole call where the router says nothing, in milliseconds. Default 120,000. */
  readonly timeoutMs?: number;
  /** Told each secret that was resolved, so that it can be kept out of logs. */
  readonly onSecret?: (value: string) => void;
}

/** A model list as its sources say it. */
export interface BuiltModelList {
  readonly list: ModelList;
  /** What was left out because it contradicts itself or leads nowhere. */
  readonly faults: readonly ModelListFault[];
  /** `host:port` of every address that a deployment names. */
  readonly hosts: readonly string[];
  /** True where something came from the store of secrets and may change there. */
  readonly usesSecrets: boolean;
  /** Equal for lists that do the same. */
  readonly fingerprint: string;
}

/** Memory that outlives one list: providers that were built, secrets that were read. */
export interface ModelListMemory {
  readonly resolver: ReferenceResolver;
  readonly providers: ProviderCache;
}

/** What is kept from one list to the next. */
export function createModelListMemory(deps: ModelListDeps): ModelListMemory {
  const { environment, clock, onSecret, secrets = createEnvironmentSecrets(environment) } = deps;
  return {
    resolver: new ReferenceResolver({ environment, secrets, clock, onSecret }),
    providers: new ProviderCache(deps.buildProvider),
  };
}

const defaultPrefixes = ['gpt-', 'o1', 'o3', 'claude-', 'ft:gpt-'];

/** References whose values go to more than one host: seldom what was meant. */
function wanderingKeys(built: readonly BuiltDeployment[]): readonly string[] {
  const hosts = new Map<string, Set<string>>();
  for (const { references, host, deployment } of built)
    for (const reference of references) {
      const seen = hosts.get(reference) ?? new Set();
      hosts.set(reference, seen.add(host ?? `the address of ${deployment.providerKind}`));
    }
  return [...hosts]
    .filter(([, seen]) => seen.size > 1)
    .map(([reference, seen]) => `${reference} goes to several hosts: ${[...seen].toSorted().join(', ')}`);
}

/**
 * Makes the list of what its sources say. Never rejects: what is faulty is left out and told, a deployment that cannot be
 * called (a key that is missing) is noted and fails when it is.
 */
export async function createModelList(
  parts: readonly ModelListPart[],
  deps: ModelListDeps,
  memory: ModelListMemory = createModelListMemory(deps),
): Promise<BuiltModelList> {
  const merged = mergeParts(parts);
  const secrets = deps.secrets ?? createEnvironmentSecrets(deps.environment);
  const notes: string[] = [...merged.notes];
  const named = [...merged.groups].map(([group, listed]) => ({
    group,
    listed,
    ids: deploymentIds(group, listed),
  }));
  const knownProviders = deps.providers?.();
  const names = checkNames(merged, {
    providers: knownProviders,
    prefixes: deps.prefixes ?? defaultPrefixes,
    ids: named.flatMap((one) => one.ids),
  });
  notes.push(...names.notes);

  const unknownProvider = ({ spec, choose }: ListedDeployment): string | undefined =>
    knownProviders === undefined || choose !== undefined || knownProviders.includes(spec.provider)
      ? undefined
      : `there is no model provider "${spec.provider}"${didYouMean(spec.provider, knownProviders)}`;

  const groups = new Map<string, readonly Deployment[]>();
  const deployments = new Map<string, Deployment>();
  const built: BuiltDeployment[] = [];
  for (const { group, listed, ids } of named) {
    const made = await Promise.all(
      listed.map((one, index) =>
        buildDeployment(group, ids[index] ?? '', one, {
          resolver: memory.resolver,
          secrets,
          providers: memory.providers,
          priceOf: deps.priceOf ?? (() => undefined),
        }),
      ),
    );
    for (const [index, one] of made.entries()) {
      const at = listed[index]?.at ?? { file: '' };
      const problem =
        one.problem ?? (listed[index] === undefined ? undefined : unknownProvider(listed[index]));
      if (problem !== undefined)
        notes.push(
          `${placeText(at)}: the deployment "${one.deployment.id}" of "${group}" cannot be called: ${problem}`,
        );
      deployments.set(one.deployment.id, one.deployment);
    }
    built.push(...made);
    groups.set(
      group,
      made.map((one) => one.deployment),
    );
  }
  notes.push(...wanderingKeys(built));
  const settings = routerSettings(names.router, {
    timeoutMs: deps.timeoutMs ?? 120_000,
    preCallChecks: !parts.some((part) => part.lenient),
  });
  return {
    list: {
      groups,
      aliases: names.aliases,
      deployments,
      settings,
      notes,
    },
    faults: [...merged.faults, ...names.faults],
    hosts: [...new Set(built.flatMap((one) => one.host ?? []))],
    fingerprint: fingerprintOf([
      [...groups.keys()],
      built.map((one) => one.fingerprint),
      [...names.aliases],
      names.router,
      settings.preCallChecks,
      notes,
    ]),
    usesSecrets: built.some((one) => one.readsSecrets),
  };
}
