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
