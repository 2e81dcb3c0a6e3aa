import type { EventHandler, EventStreams, FanOutTarget, MessageBus } from '../../platform/bus/index.ts';
import { agentStreams } from '../../protocol/index.ts';
import type { TellableEvent } from './run-event-subject.ts';

const keepEntries = 100_000;

/** Events of runs on the bus, under `agent.events.*`, `workflow.events.*` and `tool.events.*`. */
export function busTarget(bus: MessageBus): FanOutTarget<TellableEvent> {
  return { name: 'bus', deliver: ({ subject, payload }) => bus.publish(subject, payload) };
}

/** Events of runs in `agent:events`: the newest 100,000, and whatever a group has not acknowledged. */
export function streamTarget(streams: EventStreams): FanOutTarget<TellableEvent> {
  return {
    name: agentStreams.events,
    deliver: async ({ id, payload }) => {
      await streams.append(agentStreams.events, { body: JSON.stringify(payload) }, { id, keepEntries });
    },
  };
}

/** Events of runs at a broker. */
export function handlerTarget(handler: EventHandler): FanOutTarget<TellableEvent> {
  return {
    name: handler.name,
    deliver: ({ id, subject, payload }) => handler.emit({ id, name: subject, payload }),
  };
}
