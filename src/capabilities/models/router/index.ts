export { createDispatcher, type DispatcherEnvironment } from './create-dispatcher.ts';
export type * from './deployment.ts';
export type * from './dispatch.ts';
export type { DispatcherInstruments } from './dispatcher-metrics.ts';
export { resolveTarget, type ResolvedTarget } from './resolve-target.ts';
