export { checkRoutes } from './check-routes.ts';
export { createEventRouter, type EventRouter, type RoutingTable } from './event-router.ts';
export { eventOfMessage } from './routed-event.ts';
export type * from './routed-event.ts';
export { compileSafePattern, type SafePattern } from './safe-pattern.ts';
