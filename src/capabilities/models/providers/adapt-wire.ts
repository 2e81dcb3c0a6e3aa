import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { ForwardRequest } from '../provider.ts';
import { shortCallId } from './openai-request.ts';
import type { OpenAIQuirks } from './openai-quirks.ts';

function adaptFields(fields: JsonObject, quirks: OpenAIQuirks): JsonObject {
  const { refuses = [], renames = {} } = quirks;
  const names = Object.keys(fields);
  if (!names.some((name) => refuses.includes(name) || renames[name] !== undefined)) return fields;
  return Object.fromEntries(
    names.filter((name) => !refuses.includes(name)).map((name) => [renames[name] ?? name, fields[name]]),
  );
}

function adaptMessage(message: Json, quirks: OpenAIQuirks): Json {
  if (!isJsonObject(message)) return message;
  const { name, tool_calls: calls, tool_call_id: id, ...rest } = message;
  const keepsName = name !== undefined && quirks.names !== false;
  const short = quirks.shortCallIds === true ? shortCallId : (one: Json | undefined) => one;
  return {
    ...rest,
    ...(keepsName ? { name } : {}),
    ...(id === undefined ? {} : { tool_call_id: short(id) }),
    ...(Array.isArray(calls)
      ? {
          tool_calls: (calls as readonly Json[]).map((call) =>
            isJsonObject(call) ? { ...call, id: short(call['id']) } : call,
          ),
        }
      : {}),
  };
}

function needsOtherMessages(messages: readonly Json[], quirks: OpenAIQuirks): boolean {
  if (quirks.names !== false && quirks.shortCallIds !== true) return false;
  return messages.some(
    (message) =>
      isJsonObject(message) &&
      ((quirks.names === false && message['name'] !== undefined) ||
        (quirks.shortCallIds === true &&
          (message['tool_calls'] !== undefined || message['tool_call_id'] !== undefined))),
  );
}

function asksForSchema(json: JsonObject): boolean {
  const format = json['response_format'];
  return isJsonObject(format) && format['type'] === 'json_schema';
}

/** The same request without what the server would refuse. One that holds nothing of it comes back as it is, byte for byte. */
export function adaptWire(request: ForwardRequest, quirks: OpenAIQuirks): ForwardRequest {
  const { wire } = request;
  if (wire.shape !== 'openai-chat') return request;
  const params = adaptFields(request.params, quirks);
  let json = adaptFields(wire.json, quirks);
  if (quirks.schemas === false && asksForSchema(json))
    json = { ...json, response_format: { type: 'json_object' } };
  const { messages } = json;
  if (Array.isArray(messages) && needsOtherMessages(messages as readonly Json[], quirks))
    json = {
      ...json,
      messages: (messages as readonly Json[]).map((message) => adaptMessage(message, quirks)),
    };
  if (json === wire.json) return params === request.params ? request : { ...request, params };
  return { ...request, params, wire: { ...wire, json, body: Buffer.from(JSON.stringify(json)) } };
}
