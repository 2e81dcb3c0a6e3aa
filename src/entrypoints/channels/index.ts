export type * from './channel-adapter.ts';
export { createChannelState, type ChannelState, type StateKey } from './channel-state.ts';
export { holdsLease } from './holds-lease.ts';
export type { Delivery } from './delivery-store.ts';
export type { StreamReplies } from './stream-replies.ts';
export type { ChannelHubDeps, ChannelView } from './channel-hub.ts';
export { ChannelHub, createChannelHub } from './channel-hub.ts';
export type { DeliverySettings } from './deliver-response.ts';
