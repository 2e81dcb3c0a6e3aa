export { App, createApp, type AppOptions, type StartedApp } from './app.ts';
