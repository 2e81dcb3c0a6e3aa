export type * from './bus.ts';
export type * from './event-streams.ts';
export { InProcessBus } from './in-process-bus.ts';
export { NatsBus } from './nats/nats-bus.ts';
export { NatsStreams } from './nats/nats-streams.ts';
export { RedisBus } from './redis/redis-bus.ts';
export { RedisStreams } from './redis/redis-streams.ts';
export { InProcessStreams } from './streams/in-process-streams.ts';
export { compilePattern } from './subject.ts';
