export * from './create-model-list.ts';
export type { BuildProvider } from './build-deployment.ts';
export type { Location, ModelListFault } from './location.ts';
export * from './model-list-part.ts';
export * from './secret-reader.ts';
export { readLiteLlm } from './litellm/read-litellm.ts';
export * from './model-list-source.ts';
