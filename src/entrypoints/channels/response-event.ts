import { isJsonObject, type JsonObject } from '../../base/index.ts';
import { askedEventOf } from './asked-event.ts';
import {
  runFilesOf,
  type AgentResponse,
  type AgentResponseEvent,
  type RunFile,
} from '../../protocol/index.ts';

/** A response as other programs get it: on streams, and posted to their addresses. What was asked is under `metadata.event`. */
export function toResponseEvent(
  response: AgentResponse,
  at: string,
): { readonly event: AgentResponseEvent; readonly correlationId: string } {
  const asked = askedEventOf(response.metadata);
  const output = objectOf(response.output);
  const object = output['object'];
  const made = runFilesOf(output['files']);
  const hasFailed = response.status !== 'completed';
  return {
    correlationId: asked.correlationId,
    event: {
      id: response.id,
      request_id: asked.requestId,
      timestamp: at,
      content: response.text,
      content_type: hasFailed ? 'error' : isJsonObject(object) ? 'structured' : 'text',
      structured_data: isJsonObject(object) ? (object as Record<string, never>) : null,
      status: response.status,
      error_message: response.error?.message ?? null,
      agent_id: asked.target,
      agent_name: asked.target,
      execution_time_ms: Math.max(0, Math.round(response.executionTimeMs)),
      tokens_used: response.usage.inputTokens + response.usage.outputTokens,
      images: [
        ...textsOf(output['images']),
        ...made
          .filter(({ mimeType }) => mimeType.startsWith('image/'))
          .map((file) => addressOf(response, file)),
      ],
      files: made.length > 0 ? made.map((file) => fileRecord(response, file)) : recordsOf(output['files']),
      metadata: {
        ...(asked.metadata as Record<string, never>),
        run_id: response.runId,
        ...(response.sessionId === null ? {} : { session: response.sessionId }),
        ...(response.error === null ? {} : { error_code: response.error.code }),
      },
    },
  };
}

/** Where the HTTP API gives a file of the answer. */
function addressOf({ runId }: AgentResponse, { id }: RunFile): string {
  return `/api/v1/runs/${runId}/files/${id}`;
}

function fileRecord(response: AgentResponse, file: RunFile): Record<string, string> {
  const { id, name, mimeType, sizeBytes } = file;
  return { id, name, mime_type: mimeType, size_bytes: String(sizeBytes), url: addressOf(response, file) };
}

const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
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
