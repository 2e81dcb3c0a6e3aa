import type { Clock, HealthCheck, IdGenerator, JsonObject, Logger, Service } from '../base/index.ts';
import type { Automation } from '../engine/automation/index.ts';
import type { AgentStore } from '../engine/agents/index.ts';
import type { RunEngine } from '../engine/runs/index.ts';
import { createChannelState } from '../entrypoints/channels/index.ts';
import {
  busTarget,
  explicitTarget,
  ExternalEvents,
  handlerTarget,
  RequestReader,
  RunEventTeller,
  streamTarget,
} from '../entrypoints/streams/index.ts';
import { isOwnEvent, type BrokerEvent, type MessageBus } from '../platform/bus/index.ts';
import type { Metrics } from '../platform/observability/index.ts';
import type { Storage } from '../platform/storage/index.ts';
import { systemScope } from '../protocol/index.ts';
import type { BusSide } from './compose-bus.ts';

/** Tells other programs what happens in runs. */
export function composeTeller(parts: {
  readonly side: BusSide;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}): RunEventTeller {
  const { bus, streams, handler } = parts.side;
  return new RunEventTeller({
    ...parts,
    targets: [
      busTarget(bus),
      ...(streams === undefined ? [] : [streamTarget(streams)]),
      ...(handler === undefined ? [] : [handlerTarget(handler)]),
    ],
  });
}

/** What takes requests and events of other programs in; servers have it. */
export function composeStreams(parts: {
  readonly side: BusSide;
  readonly runs: RunEngine;
  readonly agents: AgentStore;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onEvent: (event: BrokerEvent) => Promise<void>;
}): { readonly services: readonly Service[]; readonly checks: readonly HealthCheck[] } {
  const { side, agents, storage } = parts;
  const state = createChannelState(storage);
  const external = new ExternalEvents({ ...parts, bus: side.bus, state });
  if (side.streams === undefined) return { services: [external], checks: [] };
  const reader = new RequestReader({
    ...parts,
    streams: side.streams,
    state,
    route: async (event) =>
      explicitTarget(event) ?? { kind: 'agent', name: await agents.defaultName(systemScope) },
  });
  return {
    services: [external, reader],
    checks: [{ name: 'stream_requests', critical: false, check: () => Promise.resolve(reader.health()) }],
  };
}

/** Tells the bus; what it does not take is not told. */
export function announceOn(bus: MessageBus, logger: Logger, subject: string, payload: JsonObject): void {
  bus
    .publish(subject, payload)
    .catch((error: unknown) => logger.debug({ subject, error }, 'not told on the bus'));
}

/** Stores an event that came from outside; what this installation has told is stored already. */
export function publishFrom(automation: () => Automation): (event: BrokerEvent) => Promise<void> {
  return async ({ id, name, payload }) => {
    if (isOwnEvent(payload)) return;
    await automation().events.publish(systemScope, { name, payload, ...(id === undefined ? {} : { id }) });
  };
}
