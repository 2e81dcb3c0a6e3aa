import { isJsonObject, tryParseJson } from '../../../base/index.ts';
import type { ToolCall } from '../../../protocol/index.ts';

/** A tool call from the text that a model wrote as its arguments; what is no JSON object is kept as it came. */
export function toToolCall(call: { id: string; name: string; input: unknown }): ToolCall {
  const { id, name, input } = call;
  if (isJsonObject(input)) return { id, name, arguments: input };
  if (input === undefined || input === null) return { id, name, arguments: {} };
  const text = typeof input === 'string' ? input : JSON.stringify(input);
  if (text.trim() === '') return { id, name, arguments: {} };
  let value: unknown = tryParseJson(text);
  // Some models encode the object twice.
  if (typeof value === 'string') value = tryParseJson(value);
  if (isJsonObject(value)) return { id, name, arguments: value };
  return { id, name, arguments: {}, invalidArguments: text };
}
