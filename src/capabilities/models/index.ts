export { collectResponse } from './collect-response.ts';
export { createModels, type Models, type ModelsDeps } from './create-models.ts';
export {
  createEnvironmentSecrets,
  createModelListSource,
  readModelList,
  type BuildProvider,
  type ModelDefinition,
  type ModelListDeps,
  type ModelListFault,
  type ModelListSource,
  type ModelListSourceDeps,
  type ModelSources,
  type SecretReader,
} from './list/index.ts';
export { modelServerHosts } from './model-server-hosts.ts';
export type { OfflineScripts } from './offline/offline-script.ts';
export type * from './provider.ts';
export type * from './gateway/gateway.ts';
export type * from './router/index.ts';
export { resolveTarget } from './router/index.ts';
export * from './list/index.ts';
export { fromLanguageModel, type LanguageModelProviderOptions } from './providers/from-language-model.ts';
export type { PluginProvider, SimpleProvider } from './providers/simple-provider.ts';
export { createLocalModels, type LocalModels, type PullProgress } from './providers/local-models.ts';
