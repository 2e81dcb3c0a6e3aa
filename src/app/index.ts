export { App, createApp } from './app.ts';
export type { AppOptions, StartedApp } from './app-options.ts';
