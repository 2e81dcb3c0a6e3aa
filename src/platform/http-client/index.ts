export { createEgressClient } from './create-egress-client.ts';
export type * from './egress.ts';
export { StreamSource } from './stream-source.ts';
