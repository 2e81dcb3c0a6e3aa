import type { EventStreams } from '../../platform/bus/index.ts';
import type { AgentResponseEvent } from '../../protocol/index.ts';
import { toResponseEvent, type Delivery, type StreamReplies } from '../channels/index.ts';

const keepEntries = 10_000;
const expireMs = 7 * 86_400_000;

/** Appends responses of the outbox to their streams. Twice is possible: the id of the response tells. */
export function createStreamReplies(streams: EventStreams): StreamReplies {
  return {
    async append(stream, delivery: Delivery) {
      // A notice is no answer: watchers of `agent:events` see what is asked.
      if (delivery.outgoing.kind !== 'response') return undefined;
      const at = new Date(delivery.createdAtMs).toISOString();
      const { event, correlationId } = toResponseEvent(delivery.outgoing.response, at);
      return appendResponse(streams, stream, event, correlationId);
    },
  };
}

/** Appends one response to one stream; the newest 10,000 stay, and whatever a group has not acknowledged. */
export function appendResponse(
  streams: EventStreams,
  stream: string,
  event: AgentResponseEvent,
  correlationId: string,
): Promise<string> {
  return streams.append(
    stream,
    { body: JSON.stringify(event), headers: { correlation_id: correlationId } },
    { id: event.id, keepEntries, expireMs },
  );
}
