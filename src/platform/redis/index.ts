export { createRedis } from './create-redis.ts';
export { defineScript } from './define-script.ts';
export type * from './redis-client.ts';
