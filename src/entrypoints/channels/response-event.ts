import { isJsonObject, type JsonObject } from '../../base/index.ts';
import type { AgentResponse, AgentResponseEvent } from '../../protocol/index.ts';

/** A response as other programs get it: on streams, and posted to their addresses. What was asked is under `metadata.event`. */
export function toResponseEvent(
  response: AgentResponse,
  at: string,
): { readonly event: AgentResponseEvent; readonly correlationId: string } {
  const asked = objectOf(response.metadata['event']);
  const output = objectOf(response.output);
  const object = output['object'];
  const agent = textOf(asked['target']);
  const hasFailed = response.status !== 'completed';
  const requestId = textOf(asked['id']);
  return {
    correlationId: textOf(asked['correlation_id']) || requestId,
    event: {
      id: response.id,
      request_id: requestId,
      timestamp: at,
      content: response.text,
      content_type: hasFailed ? 'error' : isJsonObject(object) ? 'structured' : 'text',
      structured_data: isJsonObject(object) ? (object as Record<string, never>) : null,
      status: response.status,
      error_message: response.error?.message ?? null,
      agent_id: agent,
      agent_name: agent,
      execution_time_ms: Math.max(0, Math.round(response.executionTimeMs)),
      tokens_used: response.usage.inputTokens + response.usage.outputTokens,
      images: textsOf(output['images']),
      files: recordsOf(output['files']),
      metadata: {
        ...(objectOf(asked['metadata']) as Record<string, never>),
        run_id: response.runId,
        ...(response.sessionId === null ? {} : { session: response.sessionId }),
        ...(response.error === null ? {} : { error_code: response.error.code }),
      },
    },
  };
}

const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

function textsOf(value: unknown): string[] {
  return listOf(value).filter((item): item is string => typeof item === 'string');
}

function recordsOf(value: unknown): Record<string, string>[] {
  return listOf(value)
    .filter((item) => isJsonObject(item))
    .map((item) =>
      Object.fromEntries(
        Object.entries(item).map(([key, inner]) => [
          key,
          typeof inner === 'string' ? inner : JSON.stringify(inner ?? null),
        ]),
      ),
    );
}
