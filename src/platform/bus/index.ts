export type * from './bus.ts';
export { InProcessBus } from './in-process-bus.ts';
