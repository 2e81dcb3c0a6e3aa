import { AppError, type Environment, type Service } from '../../base/index.ts';
import type { Config } from '../../platform/config/index.ts';
import { connectRouter, type RouterParts } from './connect-router.ts';
import { priceOf, type ModelPrice } from '../accounting/index.ts';
import { createModelListSource, type ModelListSource, type SecretReader } from './list/index.ts';
import type { ModelGateway } from './gateway/gateway.ts';
import type { ModelRules } from './resolve-model.ts';
import {
  buildConfiguredProvider,
  buildResolvedProvider,
  type ProviderParts,
} from './providers/configured-provider.ts';
import { providerEnvironment, type ProviderVariables } from './providers/provider-environment.ts';
import { configurableKind, configurableKinds, connectedKinds } from './providers/provider-kinds.ts';
import { ModelChoice } from './model-choice.ts';
import { createOfflineProvider } from './offline/offline-provider.ts';
import type { OfflineScripts } from './offline/offline-script.ts';
import { ProviderDirectory } from './provider-directory.ts';
import type { ModelRouter } from './provider.ts';
import { tracedEgress } from './tracing/traced-egress.ts';
import type { PluginProvider } from './providers/simple-provider.ts';

/** What a project says about names and prices of models. */
interface ModelSettingsOfProject {
  readonly default?: string | undefined;
  readonly prefixes?: Readonly<Record<string, string>>;
  readonly prices?: Readonly<Record<string, ModelPrice>>;
}

const noSettings: ModelSettingsOfProject = {};

/** What the model side of a process is made of. */
export interface ModelsDeps extends Omit<RouterParts, 'rules' | 'prices' | 'timeoutMs' | 'list'> {
  readonly config: ProviderVariables &
    Pick<
      Config,
      | 'OLLAMA_BASE_URL'
      | 'OLLAMA_DEFAULT_MODEL'
      | 'OPENAI_API_KEY'
      | 'OPENAI_BASE_URL'
      | 'OPENAI_DEFAULT_MODEL'
      | 'ANTHROPIC_API_KEY'
      | 'ANTHROPIC_BASE_URL'
      | 'ANTHROPIC_DEFAULT_MODEL'
      | 'MODEL_TIMEOUT_SECONDS'
    >;
  /** Variables that `spec.model.config` of a definition may refer to as `${NAME}`. */
  readonly environment?: Environment;
  /** Must let the addresses of the configured model servers pass. */
  readonly egress: Pick<ProviderParts, 'fetch' | 'pass' | 'connectingWithin'>;
  /** `spec.models` of the project as it is now. */
  readonly settings?: () => ModelSettingsOfProject;
  /** Folder of the project, from which the files of the model list are read. Absent: there is no list. */
  readonly projectDir?: string;
  readonly secrets?: SecretReader;
  /** Told each secret that the list resolves, to be kept out of logs. */
  readonly onSecret?: (value: string) => void;
  /** Further providers, such as those of plugins. */
  readonly providers?: readonly PluginProvider[];
  /** Scripts of `offline/script:<name>`. */
  readonly scripts?: OfflineScripts;
  /** Where a local Ollama is looked for when none is configured. Default `http://localhost:11434`. */
  readonly localOllamaUrl?: string;
}

/** The model side of a process. Until `start` has looked around, what is configured decides. */
export interface Models extends Service {
  readonly router: ModelRouter;
  readonly gateway: ModelGateway;
  /** The model list; `apply` tells it what the project says. */
  readonly list: ModelListSource;
}

/** Which provider a model name's beginning speaks for. */
function prefixRules(config: ModelsDeps['config']): Readonly<Record<string, string>> {
  // Claude behind an OpenAI-compatible proxy is the rule; a key of Anthropic's own says otherwise, unless a proxy is set.
  const ownClaude = config.ANTHROPIC_API_KEY !== undefined && config.OPENAI_BASE_URL === undefined;
  return {
    'gpt-': 'openai',
    o1: 'openai',
    o3: 'openai',
    'ft:gpt-': 'openai',
    'claude-': ownClaude ? 'anthropic' : 'openai',
  };
}

/** Builds providers, router and the choice of the default model. */
export function createModels(deps: ModelsDeps): Models {
  const {
    config,
    clock,
    logger,
    settings = () => noSettings,
    localOllamaUrl = 'http://localhost:11434',
  } = deps;
  const { fetch, pass, connectingWithin } =
    deps.tracing === undefined ? deps.egress : tracedEgress(deps.egress);
  const timeoutMs = config.MODEL_TIMEOUT_SECONDS * 1000;
  const parts: ProviderParts = {
    fetch,
    ...(pass === undefined ? {} : { pass }),
    ...(connectingWithin === undefined ? {} : { connectingWithin }),
    clock,
    timeoutMs,
    environment: providerEnvironment(config, deps.environment ?? {}),
    defaults: {
      openai: { apiKey: config.OPENAI_API_KEY, baseUrl: config.OPENAI_BASE_URL },
      anthropic: { apiKey: config.ANTHROPIC_API_KEY, baseUrl: config.ANTHROPIC_BASE_URL },
      ollama: { baseUrl: config.OLLAMA_BASE_URL ?? localOllamaUrl },
    },
  };
  const hasOpenAI = config.OPENAI_API_KEY !== undefined || config.OPENAI_BASE_URL !== undefined;
  const hasAnthropic = config.ANTHROPIC_API_KEY !== undefined;
  const directory = new ProviderDirectory(parts);
  for (const provider of deps.providers ?? []) directory.register(provider);
  const kinds = [
    ...(config.OLLAMA_BASE_URL === undefined ? [] : ['ollama' as const]),
    ...(hasOpenAI ? ['openai' as const] : []),
    ...(hasAnthropic ? ['anthropic' as const] : []),
    ...connectedKinds(parts.environment),
  ];
  for (const kind of kinds) {
    if (directory.get(kind) === undefined) directory.register(buildConfiguredProvider(kind, {}, parts));
  }
  const offlineDefault = 'offline/assistant';
  directory.register(createOfflineProvider({ clock, scripts: deps.scripts ?? {} }));
  directory.note('offline', 'ok');

  const choice = new ModelChoice({
    directory,
    fetch,
    clock,
    logger,
    timeoutMs,
    fixedDefault: () => {
      const { default: fixed } = settings();
      return fixed === 'default' ? undefined : fixed;
    },
    ollamaUrl: config.OLLAMA_BASE_URL,
    localOllamaUrl,
    ollamaModel: config.OLLAMA_DEFAULT_MODEL,
    keyedDefaults: [
      ...(hasOpenAI ? [`openai/${config.OPENAI_DEFAULT_MODEL}`] : []),
      ...(hasAnthropic ? [`anthropic/${config.ANTHROPIC_DEFAULT_MODEL}`] : []),
    ],
    offlineDefault,
  });
  const builtInPrefixes = prefixRules(config);
  const rules: ModelRules = {
    directory,
    get prefixes() {
      return { ...builtInPrefixes, ...settings().prefixes };
    },
    defaultModels: {
      ollama: config.OLLAMA_DEFAULT_MODEL,
      local: config.OLLAMA_DEFAULT_MODEL,
      openai: config.OPENAI_DEFAULT_MODEL,
      anthropic: config.ANTHROPIC_DEFAULT_MODEL,
      offline: 'assistant',
    },
    defaultModel: () => choice.model,
    defaultProvider: () => choice.provider,
  };
  const list = createModelListSource({
    dir: deps.projectDir ?? '.',
    clock,
    logger,
    environment: parts.environment,
    timeoutMs,
    buildProvider: (name, own) => {
      const kind = configurableKind(name);
      if (kind !== undefined) return buildResolvedProvider(kind, own, parts);
      const registered = directory.get(name);
      if (registered !== undefined) return registered;
      throw new AppError('not_found', `There is no model provider "${name}".`);
    },
    providers: () => [...configurableKinds, ...directory.all.map((provider) => provider.name)],
    prefixes: Object.keys(builtInPrefixes),
    priceOf: (provider, model) => priceOf(provider, model, settings().prices ?? {}),
    ...(deps.secrets === undefined ? {} : { secrets: deps.secrets }),
    ...(deps.onSecret === undefined ? {} : { onSecret: deps.onSecret }),
  });
  const { gateway, router } = connectRouter({
    ...deps,
    list: () => list.current(),
    rules,
    prices: () => settings().prices ?? {},
    timeoutMs,
  });
  return {
    name: 'models',
    router,
    gateway,
    list,
    start: async () => {
      await Promise.all([list.start(), choice.start()]);
    },
    stop: async () => {
      choice.stop();
      await list.stop();
    },
  };
}
