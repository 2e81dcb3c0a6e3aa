export type * from './deployment.ts';
export type * from './dispatch.ts';
