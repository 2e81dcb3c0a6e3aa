import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../base/index.ts';
import {
  agentStreams,
  defaultTenant,
  type AgentRequest,
  type AgentRequestEvent,
  type Attachment,
  type RunTarget,
  type Scope,
} from '../../protocol/index.ts';
import type { ReadRequest } from './read-request.ts';

/** Which target a request names itself: the agent before the team before the workflow. */
export function explicitTarget(event: AgentRequestEvent): RunTarget | undefined {
  if (event.agent_id !== undefined) return { kind: 'agent', name: event.agent_id };
  if (event.team_id !== undefined) return { kind: 'team', name: event.team_id };
  if (event.workflow_id !== undefined) return { kind: 'workflow', name: event.workflow_id };
  return undefined;
}

/** A request of the stream as every door submits it, with what its answer needs under `metadata.event`. */
export function toAgentRequest(request: ReadRequest, target: RunTarget): AgentRequest {
  const { event, id, sessionId, replyStream, correlationId } = request;
  const own = agentStreams.responses(event.source, event.source_id);
  const attachments = event.attachments.map((file, index) => toAttachment(file, `${id}:${index + 1}`));
  return {
    source: event.source,
    target,
    input: inputFor(target, event),
    sessionKey: sessionId,
    dedupeKey: `${agentStreams.requests}:${id}`,
    replyTo: {
      channel: agentStreams.requests,
      platform: event.source,
      accountId: 'stream',
      chatId: replyStream,
      streams: [...new Set([replyStream, own])],
    },
    ...(attachments.length === 0 ? {} : { attachments }),
    timeoutMs: null,
    metadata: {
      user_id: event.user_id,
      ...(event.user_name === undefined ? {} : { user_name: event.user_name }),
      event: {
        id,
        correlation_id: correlationId,
        source_id: event.source_id,
        target: target.name,
        ...(event.timestamp === undefined ? {} : { timestamp: event.timestamp }),
        session_state: event.session_state,
        metadata: event.metadata,
      },
    },
  };
}

/** Who acts: the person behind the source, with nothing but the right to talk to the target and to let it use its tools. */
export function scopeOf({ event }: ReadRequest): Scope {
  return {
    tenant: defaultTenant,
    principal: `${event.source}:stream:${event.user_id}`,
    scopes: ['agents:invoke', 'teams:invoke', 'workflows:invoke', 'tools:execute'],
  };
}

/** A workflow gets the object that the content says in JSON; whatever else is its `message`. */
function inputFor(target: RunTarget, event: AgentRequestEvent): Json {
  const hasState = Object.keys(event.session_state).length > 0;
  const variables: JsonObject = hasState ? { variables: event.session_state } : {};
  if (target.kind !== 'workflow') return { message: event.content, ...variables };
  const said = tryParseJson(event.content);
  return isJsonObject(said) ? said : { message: event.content };
}

function toAttachment(file: AgentRequestEvent['attachments'][number], id: string): Attachment {
  const mimeType = file.mime_type ?? file.content_type ?? undefined;
  const name = file.name ?? file.filename ?? undefined;
  const kinds = ['image', 'audio', 'video'] as const;
  const said = file.kind ?? file.type ?? mimeType ?? '';
  return {
    id: file.id ?? id,
    kind: kinds.find((kind) => said.startsWith(kind)) ?? 'document',
    ...(mimeType === undefined ? {} : { mimeType }),
    ...(name === undefined ? {} : { name }),
    ...(typeof file.size === 'number' ? { sizeBytes: file.size } : {}),
    ...(typeof file.url === 'string' ? { url: file.url } : {}),
  };
}
