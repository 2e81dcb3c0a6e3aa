import { AppError, type JsonObject } from '../../../base/index.ts';
import type { ModelPrice, SubjectLimits } from '../../accounting/index.ts';
import type { LLMProvider } from '../provider.ts';
import type { Deployment, DeploymentTimeouts } from '../router/deployment.ts';
import { fingerprintOf } from './fingerprint.ts';
import { placeText } from './location.ts';
import type { ListedDeployment } from './model-list-part.ts';
import type { ProviderCache } from './provider-cache.ts';
import { referencesIn, type ReferenceResolver } from './references.ts';
import type { SecretReader } from './secret-reader.ts';

/** What deployments are made with. */
export interface DeploymentParts {
  readonly resolver: ReferenceResolver;
  readonly secrets: SecretReader;
  readonly priceOf: (provider: string, model: string) => ModelPrice | undefined;
  /** Providers of earlier lists by kind and settings: a reload does not build again what is the same. */
  readonly providers: ProviderCache;
}

/** A deployment with what is known of its connection. */
export interface BuiltDeployment {
  readonly deployment: Deployment;
  /** Why it cannot be called. */
  readonly problem: string | undefined;
  /** `host:port` of an address of its own. */
  readonly host: string | undefined;
  /** References that its credentials are made from. */
  readonly references: readonly string[];
  /** Changes with anything of it, its secrets included. */
  readonly fingerprint: string;
  /** Some of them came from the store of secrets. */
  readonly readsSecrets: boolean;
}

type Written<T> = { [K in keyof T]?: T[K] | undefined };

/** Without the fields that are `undefined`. */
const present = <T extends object>(value: Written<T>): T =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as T;

/** Names under which the settings of a provider hold its address. */
const addressNames = ['base_url', 'baseUrl', 'baseURL', 'api_base', 'endpoint'];

/** `host:port` of an address, or what is wrong with it. */
function hostOf(address: string): { readonly host: string } | { readonly problem: string } {
  if (!URL.canParse(address)) return { problem: 'its address is no URL' };
  const { protocol, hostname, port, username, password } = new URL(address);
  if (protocol !== 'http:' && protocol !== 'https:')
    return { problem: 'its address must begin with http:// or https://' };
  if (username !== '' || password !== '') return { problem: 'its address must not hold credentials' };
  return { host: `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}` };
}

const mayGo = (host: string, allowed: readonly string[]): boolean =>
  allowed.some((one) => one === host || one === host.replace(/:\d+$/, ''));

/** Makes a deployment of what is written; what keeps it from being called is told when it is. */
export async function buildDeployment(
  group: string,
  id: string,
  listed: ListedDeployment,
  parts: DeploymentParts,
): Promise<BuiltDeployment> {
  const { spec, variables } = listed;
  const plain = await parts.resolver.resolve(
    present<JsonObject>({
      base_url: spec.baseUrl,
      api_version: spec.apiVersion,
      organization: spec.organization,
      base_model: spec.provider === 'azure' ? listed.baseModel : undefined,
    }),
    { variables, plain: true },
  );
  const secret = await parts.resolver.resolve(
    present<JsonObject>({
      api_key: spec.apiKey,
      headers: Object.keys(spec.headers).length === 0 ? undefined : spec.headers,
      ...(spec.config as JsonObject),
    }),
    { variables },
  );
  if (spec.apiKey !== undefined && referencesIn(spec.apiKey).length === 0) parts.resolver.tell(spec.apiKey);
  const settings = { ...(secret.value as JsonObject), ...(plain.value as JsonObject) };
  const problems = [listed.problem, ...plain.problems, ...secret.problems].filter((one) => one !== undefined);
  const address = addressNames
    .map((name) => settings[name])
    .find((one) => typeof one === 'string' && one !== '');
  const found = typeof address === 'string' ? hostOf(address) : undefined;
  const host = found !== undefined && 'host' in found ? found.host : undefined;
  if (found !== undefined && 'problem' in found && problems.length === 0) problems.push(found.problem);
  for (const { secretProvider } of secret.references) {
    const allowed = secretProvider === undefined ? undefined : parts.secrets.hosts?.(secretProvider);
    if (host !== undefined && allowed !== undefined && !mayGo(host, allowed))
      problems.push(`secrets of ${secretProvider} may not be sent to ${host}`);
  }
  const problem = problems.length === 0 ? undefined : problems.join('; ');
  const providerOf = (kind: string): (() => LLMProvider) => {
    let provider: LLMProvider | undefined;
    return () => (provider ??= build(kind));
  };
  const build = (kind: string): LLMProvider => {
    if (problem !== undefined)
      throw new AppError(
        'model_unavailable',
        `The deployment "${id}" of "${group}" cannot be called: ${problem} (${placeText(listed.at)}).`,
        { retryable: false, details: { deployment: id } },
      );
    // Its own times are part of the provider: it alone sees connections, and how long an answer stays silent.
    const times = present<JsonObject>({
      timeout_ms: timeouts.total,
      idle_timeout_ms: timeouts.idle,
      connect_timeout_ms: timeouts.connect,
    });
    return parts.providers.get(kind, { ...settings, ...times });
  };
  const { timeouts } = spec;
  const withoutName: Omit<Deployment, 'forName'> = {
    id,
    group,
    providerKind: spec.provider,
    provider: providerOf(spec.provider),
    model: spec.model,
    params: spec.params as JsonObject,
    weight: spec.weight,
    order: spec.order,
    limits: present<SubjectLimits>({
      rpm: spec.rpm,
      tpm: spec.tpm,
      parallel: spec.maxParallel,
      budgets: spec.budgets.length === 0 ? undefined : spec.budgets,
    }),
    timeouts: present<DeploymentTimeouts>({
      firstTokenMs: timeouts.firstToken,
      idleMs: timeouts.idle,
      totalMs: timeouts.total,
    }),
    cooldownMs: spec.cooldown,
    numRetries: spec.retries,
    price: priceOf(listed, spec.provider, spec.model, parts),
    tags: spec.tags,
    tagRegex: spec.tagRegex,
    region: spec.region,
    contextWindow: spec.contextWindow,
    maxOutputTokens: spec.maxOutputTokens,
    mode: spec.mode,
  };
  const forName = (model: string): Deployment | undefined => {
    const chosen = listed.choose === undefined ? { provider: spec.provider, model } : listed.choose(model);
    if (chosen === undefined) return undefined;
    return {
      ...withoutName,
      providerKind: chosen.provider,
      provider: providerOf(chosen.provider),
      model: chosen.model,
      price: priceOf(listed, chosen.provider, chosen.model, parts),
    };
  };
  return {
    deployment: spec.model.includes('*') ? { ...withoutName, forName } : withoutName,
    problem,
    host,
    references: secret.references.map((one) => one.text),
    fingerprint: fingerprintOf([id, spec, listed.baseModel, settings, problem]),
    readsSecrets: secret.references.some((one) => one.secretProvider !== undefined),
  };
}

function priceOf(
  { spec, baseModel }: ListedDeployment,
  provider: string,
  model: string,
  parts: DeploymentParts,
): ModelPrice | undefined {
  if (spec.price !== undefined) return present<ModelPrice>(spec.price);
  if (model.includes('*')) return undefined;
  if (baseModel === undefined) return parts.priceOf(provider, model);
  const bare = baseModel.slice(baseModel.indexOf('/') + 1);
  return parts.priceOf(provider, bare) ?? parts.priceOf('openai', bare);
}
