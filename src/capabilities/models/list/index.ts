export { type BuiltModelList, type ModelListDeps } from './create-model-list.ts';
export type { Location, ModelListFault } from './location.ts';
export type { ModelDefinition } from './model-list-part.ts';
export * from './model-list-source.ts';
export type { BuildProvider } from './provider-cache.ts';
export * from './secret-reader.ts';
