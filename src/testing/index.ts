export { InProcessBus } from '../platform/bus/index.ts';
export * from './channels.ts';
export { createTestApp, type TestApp } from './create-test-app.ts';
export { FakeClock } from './fake-clock.ts';
export { createFakeIds } from './fake-ids.ts';
export { createMemoryLogger } from './memory-logger.ts';
export * from './models.ts';
export { createToolContext } from './tool-context.ts';
export { BuiltFake, builtFrom, modelListDeps, modelSources } from './model-sources.ts';
