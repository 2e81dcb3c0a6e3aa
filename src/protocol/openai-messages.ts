import { AppError, isJsonObject, tryParseJson, type Json, type JsonObject } from '../base/index.ts';
import type { ChatMessage, ToolCall, UserPart } from './chat.ts';

function fault(path: string, message: string): AppError {
  return new AppError('invalid_request', `${path}: ${message}`, { details: { issues: [{ path, message }] } });
}

function textOfParts(content: Json | undefined, path: string): string {
  if (typeof content === 'string') return content;
  if (content === null || content === undefined) return '';
  if (!Array.isArray(content)) throw fault(path, 'expected a text or a list of parts');
  return (content as readonly Json[])
    .map((part, index) => {
      const text = isJsonObject(part) ? (part['text'] ?? part['refusal']) : part;
      if (typeof text === 'string') return text;
      throw fault(`${path}.${index}`, 'expected a part of type "text"');
    })
    .join('\n');
}

function userPart(part: Json, path: string): UserPart {
  if (typeof part === 'string') return { type: 'text', text: part };
  if (isJsonObject(part)) {
    const { type, text, image_url: image, file } = part;
    if (typeof text === 'string') return { type: 'text', text };
    if (type === 'image_url') {
      const url = isJsonObject(image) ? image['url'] : image;
      if (typeof url === 'string') return { type: 'image', url };
    }
    if (type === 'file' && isJsonObject(file) && typeof file['file_data'] === 'string') {
      const url = file['file_data'];
      const mimeType = /^data:([^;,]+)/.exec(url)?.[1] ?? 'application/octet-stream';
      const name = file['filename'];
      return { type: 'file', url, mimeType, ...(typeof name === 'string' ? { name } : {}) };
    }
  }
  throw fault(path, 'expected a part of type "text", "image_url" or "file" (with file_data)');
}

function userContent(content: Json | undefined, path: string): string | readonly UserPart[] {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw fault(path, 'expected a text or a list of parts');
  return (content as readonly Json[]).map((part, index) => userPart(part, `${path}.${index}`));
}

function toolCall(call: Json, path: string): ToolCall {
  const named = isJsonObject(call) && isJsonObject(call['function']) ? call['function'] : undefined;
  if (!isJsonObject(call) || typeof call['id'] !== 'string' || typeof named?.['name'] !== 'string') {
    throw fault(path, 'expected an object with "id" and "function"');
  }
  const raw = named['arguments'];
  const parsed = typeof raw === 'string' ? tryParseJson(raw === '' ? '{}' : raw) : raw;
  const id = call['id'];
  const name = named['name'];
  return isJsonObject(parsed)
    ? { id, name, arguments: parsed }
    : { id, name, arguments: {}, invalidArguments: typeof raw === 'string' ? raw : JSON.stringify(raw) };
}

function assistantMessage(message: JsonObject, path: string): ChatMessage {
  const { content, name, tool_calls: calls, reasoning_content: reasoning } = message;
  const toolCalls = Array.isArray(calls)
    ? (calls as readonly Json[]).map((call, index) => toolCall(call, `${path}.tool_calls.${index}`))
    : [];
  return {
    role: 'assistant',
    content: textOfParts(content, `${path}.content`),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof reasoning === 'string' && reasoning !== '' ? { reasoning } : {}),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
  };
}

/** Messages of OpenAI's chat completions in the platform's form. Error: `invalid_request`, naming the field. */
export function chatMessagesOf(messages: readonly Json[]): readonly ChatMessage[] {
  const toolNames = new Map<string, string>();
  return messages.map((message, index): ChatMessage => {
    const path = `messages.${index}`;
    if (!isJsonObject(message)) throw fault(path, 'expected an object with "role" and "content"');
    const { role, content, name, tool_call_id: callId } = message;
    switch (typeof role === 'string' ? role : '') {
      case 'system':
      case 'developer':
        return { role: 'system', content: textOfParts(content, `${path}.content`) };
      case 'user': {
        const said = userContent(content, `${path}.content`);
        return { role: 'user', content: said, ...(typeof name === 'string' ? { name } : {}) };
      }
      case 'assistant': {
        const converted = assistantMessage(message, path);
        if (converted.role === 'assistant') {
          for (const call of converted.toolCalls ?? []) toolNames.set(call.id, call.name);
        }
        return converted;
      }
      case 'tool': {
        if (typeof callId !== 'string') throw fault(`${path}.tool_call_id`, 'expected the id of a tool call');
        const toolName = toolNames.get(callId);
        if (toolName === undefined) {
          throw fault(`${path}.tool_call_id`, `no earlier message calls a tool with id "${callId}"`);
        }
        return {
          role: 'tool',
          toolCallId: callId,
          name: toolName,
          content: textOfParts(content, `${path}.content`),
        };
      }
      default:
        throw fault(`${path}.role`, 'expected system, developer, user, assistant or tool');
    }
  });
}

function openAiContent(content: string | readonly UserPart[]): Json {
  if (typeof content === 'string') return content;
  return content.map((part): Json => {
    if (part.type === 'text') return { type: 'text', text: part.text };
    if (part.type === 'image') return { type: 'image_url', image_url: { url: part.url } };
    const named = part.name === undefined ? {} : { filename: part.name };
    return { type: 'file', file: { file_data: part.url, ...named } };
  });
}

/** Messages as OpenAI's chat completions have them: the way back of `chatMessagesOf`. */
export function openAiMessagesOf(messages: readonly ChatMessage[]): readonly JsonObject[] {
  return messages.map((message): JsonObject => {
    switch (message.role) {
      case 'system':
        return { role: 'system', content: message.content };
      case 'user': {
        const named = message.name === undefined ? {} : { name: message.name };
        return { role: 'user', content: openAiContent(message.content), ...named };
      }
      case 'assistant': {
        const calls = (message.toolCalls ?? []).map((call) => ({
          id: call.id,
          type: 'function',
          function: { name: call.name, arguments: call.invalidArguments ?? JSON.stringify(call.arguments) },
        }));
        return {
          role: 'assistant',
          content: message.content,
          ...(message.name === undefined ? {} : { name: message.name }),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        };
      }
      case 'tool':
      default:
        return { role: 'tool', tool_call_id: message.toolCallId, content: message.content };
    }
  });
}
