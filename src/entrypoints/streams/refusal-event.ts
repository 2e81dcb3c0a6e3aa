import type { AgentResponseEvent } from '../../protocol/index.ts';
import type { ReadRequest } from './read-request.ts';

/** What a producer is told of a request that will never be run. The same request, the same id. */
export function refusalEvent({ event, id }: ReadRequest, reason: string, at: string): AgentResponseEvent {
  const target = event.agent_id ?? event.team_id ?? event.workflow_id ?? '';
  return {
    id: `refused:${id}`,
    request_id: id,
    timestamp: at,
    content: '',
    content_type: 'error',
    structured_data: null,
    status: 'error',
    error_message: reason,
    agent_id: target,
    agent_name: target,
    execution_time_ms: 0,
    tokens_used: null,
    images: [],
    files: [],
    metadata: event.metadata as Record<string, never>,
  };
}
