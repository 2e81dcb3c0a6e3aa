import { AppError, isJsonObject, storable, tryParseJson, type Json } from '../../base/index.ts';
import type { StreamEntry } from '../../platform/bus/index.ts';
import { agentRequestEvent, agentStreams, type AgentRequestEvent } from '../../protocol/index.ts';

/** A request with what its producer may leave out. */
export interface ReadRequest {
  readonly event: AgentRequestEvent;
  /** The producer's id, or one of the entry. */
  readonly id: string;
  readonly sessionId: string;
  readonly replyStream: string;
  readonly correlationId: string;
}

const decoder = new TextDecoder('utf-8', { fatal: true });
const mostIssues = 5;

/** Error: `invalid_request` with the reason for people, for an entry that can never be a request. */
export function readRequest(entry: StreamEntry): ReadRequest {
  const event = parseEvent(bodyOf(entry));
  const id = event.id ?? entry.headers['message_id'] ?? `entry:${entry.id}`;
  const replyStream = event.reply_stream ?? agentStreams.responses(event.source, event.source_id);
  if (replyStream === agentStreams.requests || replyStream === agentStreams.dead)
    throw new AppError('invalid_request', `reply_stream: "${replyStream}" is no stream for answers`);
  return {
    event,
    id,
    sessionId: event.session_id ?? `${event.source}:${event.source_id}`,
    replyStream,
    correlationId: entry.headers['correlation_id'] ?? id,
  };
}

function bodyOf({ body }: StreamEntry): Json {
  let text: string;
  try {
    text = decoder.decode(body);
  } catch {
    throw new AppError('invalid_request', 'the body is no UTF-8 text');
  }
  const value = tryParseJson(text);
  if (value === undefined) throw new AppError('invalid_request', 'the body is no JSON');
  return storable(value);
}

/** Fields written one by one, without an envelope, are all text: lists and objects come as JSON. */
function parseEvent(value: Json): AgentRequestEvent {
  const parsed = agentRequestEvent.safeParse(isJsonObject(value) ? withParsedFields(value) : value);
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues
    .slice(0, mostIssues)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  throw new AppError('invalid_request', `no AgentRequestEvent: ${reasons.join('; ')}`);
}

const structured = ['attachments', 'session_state', 'metadata'] as const;
const optional = ['agent_id', 'team_id', 'workflow_id', 'session_id', 'reply_stream', 'user_name'] as const;

function withParsedFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const read: Record<string, unknown> = { ...fields };
  for (const name of structured) {
    const text = read[name];
    if (typeof text === 'string') read[name] = text === '' ? undefined : (tryParseJson(text) ?? text);
  }
  for (const name of optional) if (read[name] === 'null' || read[name] === 'None') read[name] = undefined;
  return read;
}
