export type * from './bus.ts';
export { InProcessBus } from './in-process-bus.ts';
export { compilePattern } from './subject.ts';
