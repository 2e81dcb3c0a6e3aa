import type { Environment, Clock, Logger, Service } from '../../base/index.ts';
import type { Config } from '../../platform/config/index.ts';
import { connectRouter, type RouterParts } from './connect-router.ts';
import type { ModelPrice } from '../accounting/index.ts';
import type { ModelGateway } from './gateway/gateway.ts';
import type { ModelRules } from './resolve-model.ts';
import type { EgressClient } from '../../platform/http-client/index.ts';
import { buildConfiguredProvider, type ProviderParts } from './providers/configured-provider.ts';
import { providerEnvironment, type ProviderVariables } from './providers/provider-environment.ts';
import { connectedKinds } from './providers/provider-kinds.ts';
import { ModelChoice } from './model-choice.ts';
import { createOfflineProvider } from './offline/offline-provider.ts';
import type { OfflineScripts } from './offline/offline-script.ts';
import { ProviderDirectory } from './provider-directory.ts';
import type { ModelRouter } from './provider.ts';
import type { PluginProvider } from './providers/simple-provider.ts';

/** What the model side of a process is made of. */
export interface ModelsDeps extends Omit<RouterParts, 'rules' | 'prices' | 'timeoutMs'> {
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
  readonly egress: Pick<EgressClient, 'fetch'> & Partial<Pick<EgressClient, 'request'>>;
  /** `spec.models` of the project. */
  readonly settings?: {
    readonly default?: string | undefined;
    readonly prefixes?: Readonly<Record<string, string>>;
    readonly prices?: Readonly<Record<string, ModelPrice>>;
  };
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
  const { config, clock, logger, settings = {}, localOllamaUrl = 'http://localhost:11434' } = deps;
  const { fetch, request } = deps.egress;
  const timeoutMs = config.MODEL_TIMEOUT_SECONDS * 1000;
  const parts: ProviderParts = {
    fetch,
    ...(request === undefined ? {} : { request }),
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
    fixedDefault: settings.default === 'default' ? undefined : settings.default,
    ollamaUrl: config.OLLAMA_BASE_URL,
    localOllamaUrl,
    ollamaModel: config.OLLAMA_DEFAULT_MODEL,
    keyedDefaults: [
      ...(hasOpenAI ? [`openai/${config.OPENAI_DEFAULT_MODEL}`] : []),
      ...(hasAnthropic ? [`anthropic/${config.ANTHROPIC_DEFAULT_MODEL}`] : []),
    ],
    offlineDefault,
  });
  const rules: ModelRules = {
    directory,
    prefixes: { ...prefixRules(config), ...settings.prefixes },
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
  const { gateway, router } = connectRouter({
    ...deps,
    rules,
    prices: settings.prices ?? {},
    timeoutMs,
  });
  return {
    name: 'models',
    router,
    gateway,
    start: () => choice.start(),
    stop: () => {
      choice.stop();
      return Promise.resolve();
    },
  };
}
