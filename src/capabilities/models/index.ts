export { collectResponse } from './collect-response.ts';
export { createModels, type Models, type ModelsDeps } from './create-models.ts';
export { modelServerHosts } from './model-server-hosts.ts';
export type { OfflineScripts } from './offline/offline-script.ts';
export type * from './provider.ts';
export type * from './gateway/gateway.ts';
export type * from './router/index.ts';
export { emptyModelList } from './empty-model-list.ts';
export * from './list/index.ts';
