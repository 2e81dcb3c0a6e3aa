export { createJobId } from './job-id.ts';
export { PgBossQueue, type PgBossQueueDeps } from './pg-boss-queue.ts';
export type * from './queue.ts';
