import { AppError, nearestName } from '../../base/index.ts';
import { configurableKind, configurableKinds, howToConnect } from './providers/provider-kinds.ts';
import { offlineProviderName } from './offline/offline-name.ts';
import type { ProviderDirectory } from './provider-directory.ts';
import type { LLMProvider, ModelReference, ResolvedModel } from './provider.ts';

/** What names mean where they do not say it themselves. */
export interface ModelRules {
  readonly directory: ProviderDirectory;
  /** Prefix → provider; the longest prefix decides. */
  readonly prefixes: Readonly<Record<string, string>>;
  /** Models of the providers for references that name none. */
  readonly defaultModels: Readonly<Record<string, string>>;
  /** What is used when nothing is named; it moves when a model appears. */
  readonly defaultModel: () => string;
  /** Who gets the names that no rule covers. */
  readonly defaultProvider: () => string;
}

function notConnected(provider: string, wanted: string): AppError {
  const kind = configurableKind(provider);
  return new AppError(
    'model_unavailable',
    `The model "${wanted}" needs the provider "${provider}", which is not connected. ${
      kind === undefined ? '' : howToConnect(kind)
    }`.trim(),
    { retryable: false, details: { provider } },
  );
}

function unknownProvider(name: string, directory: ProviderDirectory): AppError {
  const known = [
    ...new Set([...directory.all.map((provider) => provider.name), ...configurableKinds, 'custom']),
  ];
  const nearest = nearestName(name, known);
  return new AppError(
    'not_found',
    `There is no model provider "${name}". ${
      nearest === undefined ? `Known are: ${known.join(', ')}.` : `Did you mean "${nearest}"?`
    }`,
  );
}

function prefixRule(name: string, prefixes: Readonly<Record<string, string>>): string | undefined {
  return Object.entries(prefixes)
    .filter(([prefix]) => name.startsWith(prefix))
    .toSorted(([a], [b]) => b.length - a.length)[0]?.[1];
}

function splitName(name: string): readonly [provider: string, model: string] | undefined {
  const slash = name.indexOf('/');
  return slash <= 0 || slash === name.length - 1 ? undefined : [name.slice(0, slash), name.slice(slash + 1)];
}

/** Makers of models too: behind a proxy, `google/gemini-…` is a model of the default provider. */
const namespaces: ReadonlySet<string> = new Set(['google', 'mistral', 'deepseek', 'cohere', 'local']);

function named(provider: LLMProvider, model: string): ResolvedModel {
  return { provider, model, id: `${provider.name}/${model}` };
}

function resolveName(name: string, rules: ModelRules): ResolvedModel {
  const { directory } = rules;
  const parts = splitName(name);
  if (parts !== undefined) {
    const [prefix, model] = parts;
    const kind = configurableKind(prefix);
    const provider = directory.get(prefix) ?? (kind === undefined ? undefined : directory.get(kind));
    if (provider !== undefined) return named(provider, model);
    if (kind !== undefined && !namespaces.has(kind)) throw notConnected(kind, name);
  }
  const ruled = prefixRule(name, rules.prefixes);
  if (ruled !== undefined) {
    const provider = directory.get(ruled);
    if (provider !== undefined) return named(provider, name);
    throw configurableKind(ruled) === undefined
      ? unknownProvider(ruled, directory)
      : notConnected(ruled, name);
  }
  const fallback = directory.get(rules.defaultProvider());
  if (fallback !== undefined && fallback.name !== offlineProviderName) {
    const mistyped =
      parts === undefined
        ? undefined
        : nearestName(
            parts[0],
            directory.all.map((one) => one.name),
          );
    if (parts !== undefined && mistyped !== undefined) throw unknownProvider(parts[0], directory);
    return named(fallback, name);
  }
  if (parts !== undefined && configurableKind(parts[0]) === undefined)
    throw unknownProvider(parts[0], directory);
  // Whoever names a model does not want the offline assistant in its place.
  if (parts !== undefined) throw notConnected(parts[0], name);
  throw new AppError(
    'model_unavailable',
    `There is no model "${name}", and no provider is connected that might have it. ${howToConnect('ollama')}`,
    { retryable: false, details: { unknownModel: name } },
  );
}

function customProvider(reference: ModelReference, directory: ProviderDirectory): LLMProvider {
  const wanted = reference.config?.['provider'];
  if (typeof wanted === 'string') {
    const provider = directory.get(wanted);
    if (provider === undefined) throw unknownProvider(wanted, directory);
    return provider;
  }
  const own = directory.all.filter(
    ({ name }) => configurableKind(name) === undefined && name !== offlineProviderName,
  );
  const [only] = own;
  if (only !== undefined && own.length === 1) return only;
  throw new AppError(
    'invalid_definition',
    own.length === 0
      ? 'spec.model.provider is "custom", but no provider is registered; a plugin registers one.'
      : `spec.model.provider is "custom"; name one in config.provider: ${own.map(({ name }) => name).join(', ')}.`,
  );
}

function resolveWithProvider(wanted: string, reference: ModelReference, rules: ModelRules): ResolvedModel {
  const { directory, defaultModels } = rules;
  const config = reference.config ?? {};
  const kind = configurableKind(wanted);
  const modelFor = (provider: string): string => {
    const name = reference.name ?? defaultModels[provider];
    if (name !== undefined) return name;
    throw new AppError(
      'invalid_definition',
      `spec.model.name is missing, and "${provider}" has no default model.`,
    );
  };
  if (wanted === 'custom') {
    const provider = customProvider(reference, directory);
    return named(provider, modelFor(provider.name));
  }
  if (kind !== undefined && (kind === 'local' || Object.keys(config).length > 0))
    return named(directory.configured(kind, config), modelFor(kind));
  const provider = directory.get(wanted) ?? (kind === undefined ? undefined : directory.get(kind));
  if (provider !== undefined) return named(provider, modelFor(provider.name));
  if (kind !== undefined) throw notConnected(kind, reference.name ?? 'default');
  throw unknownProvider(wanted, directory);
}

/** Who answers to a reference; see the module's README for the order of the rules. */
export function resolveModel(reference: ModelReference | undefined, rules: ModelRules): ResolvedModel {
  if (reference?.provider !== undefined) return resolveWithProvider(reference.provider, reference, rules);
  const name = reference?.name;
  return resolveName(name === undefined || name === 'default' ? rules.defaultModel() : name, rules);
}
