export { createRedis, createRedisSubscriber } from './create-redis.ts';
export { defineScript } from './define-script.ts';
export type * from './redis-client.ts';
export { RedisRefusal } from './redis-refusal.ts';
