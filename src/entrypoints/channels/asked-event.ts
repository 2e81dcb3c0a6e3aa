import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';

/** What a program is told of its own request, so that it knows what an event belongs to. */
export interface AskedEvent {
  readonly requestId: string;
  readonly correlationId: string;
  /** Name of what answers. */
  readonly target: string;
  /** What came along with the request. */
  readonly metadata: Readonly<Record<string, Json>>;
}

/** Reads it from the metadata of a run, where doors for programs keep it under `event`. */
export function askedEventOf(runMetadata: JsonObject): AskedEvent {
  const asked = objectOf(runMetadata['event']);
  const requestId = textOf(asked['id']);
  return {
    requestId,
    correlationId: textOf(asked['correlation_id']) || requestId,
    target: textOf(asked['target']),
    metadata: objectOf(asked['metadata']) as Record<string, Json>,
  };
}

const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
