export type * from './channel-adapter.ts';
export type { ChannelState, StateKey } from './channel-state.ts';
export type { ChannelHubDeps, ChannelView } from './channel-hub.ts';
export { ChannelHub, createChannelHub } from './channel-hub.ts';
export type { DeliverySettings } from './deliver-response.ts';
export { PairingManager, type PairingManagerDeps, type PendingPairing } from './pairing/pairing-manager.ts';
export type { Pairing, PlatformUser } from './pairing/pairing-store.ts';
export { createChannelDesk, type ChannelDesk } from './channel-desk.ts';
export type { ChannelMessage } from './recent-messages.ts';
