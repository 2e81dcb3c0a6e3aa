export { collectResponse } from './collect-response.ts';
export { createModels, type Models, type ModelsDeps } from './create-models.ts';
export {
  emptyModelList,
  readModelList,
  type ModelDefinition,
  type ModelListDeps,
  type ModelListSource,
  type ModelSources,
  type SecretReader,
} from './list/index.ts';
export { modelServerHosts } from './model-server-hosts.ts';
export type { OfflineScripts } from './offline/offline-script.ts';
export type * from './provider.ts';
export { createAnswerCache, type AnswerCacheDeps } from './cache/create-answer-cache.ts';
export { MemoryAnswerStore } from './cache/memory-answer-store.ts';
export { createRedisAnswerStore } from './cache/redis-answer-store.ts';
export type { AnswerCache } from './gateway/answer-cache.ts';
export type * from './gateway/gateway.ts';
export type { Guard, GuardContext, GuardedAnswer, Verdict } from './guards/guard.ts';
export { createLiveGuards } from './guards/live-guards.ts';
export type { Finding, TextScan } from './guards/text-scan.ts';
export type * from './router/index.ts';
export { resolveTarget } from './router/index.ts';
export { fromLanguageModel, type LanguageModelProviderOptions } from './providers/from-language-model.ts';
export type { PluginProvider, SimpleProvider } from './providers/simple-provider.ts';
export { createLocalModels, type LocalModels, type PullProgress } from './providers/local-models.ts';
