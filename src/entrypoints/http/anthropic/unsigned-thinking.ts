import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';

const isUnsigned = (block: Json): boolean =>
  isJsonObject(block) && block['type'] === 'thinking' && (block['signature'] ?? '') === '';

/** The body without thinking that Anthropic did not sign: what other models thought, which it would refuse. */
export function withoutUnsignedThinking(json: JsonObject): JsonObject {
  const { messages } = json;
  if (!Array.isArray(messages)) return json;
  let found = false;
  const kept = (messages as readonly Json[]).map((message): Json => {
    if (!isJsonObject(message) || !Array.isArray(message['content'])) return message;
    const content = message['content'] as readonly Json[];
    if (!content.some(isUnsigned)) return message;
    found = true;
    return { ...message, content: content.filter((block) => !isUnsigned(block)) };
  });
  return found ? { ...json, messages: kept } : json;
}
