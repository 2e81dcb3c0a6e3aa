export { loadConfig, loadEnvironment, secretValues } from './load-config.ts';
export { isLoopbackHost, productionProblems } from './production-rules.ts';
export type { Config } from './schema.ts';
export { configSettings, type SettingName } from './settings.ts';
