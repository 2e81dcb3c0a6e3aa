export { defaultRunEngineSettings, type RunEngineDeps, type RunEngineSettings } from './engine-deps.ts';
export type * from './run-context.ts';
export { RunEngine } from './run-engine.ts';
export type * from './run-store.ts';
export { SqlRunStore } from './sql-run-store.ts';
