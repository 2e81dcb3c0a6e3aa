export type * from './deployment.ts';
export type * from './dispatch.ts';
export { resolveTarget, type ResolvedTarget } from './resolve-target.ts';
