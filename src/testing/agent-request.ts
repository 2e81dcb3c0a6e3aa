import type { AgentRequest } from '../protocol/index.ts';

/** A request as a test sends it: in no session, repeated by nobody, answered nowhere, unless `more` says so. */
export function agentRequest(
  target: string | AgentRequest['target'],
  more: Partial<AgentRequest> = {},
): AgentRequest {
  return {
    source: 'test',
    target: typeof target === 'string' ? { kind: 'agent', name: target } : target,
    input: null,
    sessionKey: null,
    dedupeKey: null,
    replyTo: null,
    timeoutMs: null,
    metadata: {},
    ...more,
  };
}
