export { createEgressClient } from './create-egress-client.ts';
export type * from './egress.ts';
