import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../base/index.ts';
import { textOf, type ChatMessage, type ToolCall, type UserPart } from './chat.ts';
import {
  cacheMarkField,
  cacheMarkOf,
  messageFault as fault,
  openAiPartOf,
  userPartOf,
} from './openai-parts.ts';
import { callDataFields, callDataOf, thinkingFields, thinkingOf } from './openai-reasoning.ts';

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

function userContent(content: Json | undefined, path: string): string | readonly UserPart[] {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw fault(path, 'expected a text or a list of parts');
  return (content as readonly Json[]).map((part, index) => userPartOf(part, `${path}.${index}`));
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
  const data = callDataOf(call);
  return isJsonObject(parsed)
    ? { id, name, arguments: parsed, ...data }
    : {
        id,
        name,
        arguments: {},
        invalidArguments: typeof raw === 'string' ? raw : JSON.stringify(raw),
        ...data,
      };
}

/** A system message; one with marks in its parts becomes several, each up to a mark. */
function systemMessages(message: JsonObject, path: string): readonly ChatMessage[] {
  const { content } = message;
  const parts = Array.isArray(content) ? (content as readonly Json[]) : [];
  const marked = parts.some((part) => isJsonObject(part) && cacheMarkOf(part).cacheControl !== undefined);
  if (!marked)
    return [{ role: 'system', content: textOfParts(content, `${path}.content`), ...cacheMarkOf(message) }];
  const messages: ChatMessage[] = [];
  let open: Json[] = [];
  for (const part of parts) {
    open.push(part);
    const mark = isJsonObject(part) ? cacheMarkOf(part) : {};
    if (mark.cacheControl === undefined) continue;
    messages.push({ role: 'system', content: textOfParts(open, `${path}.content`), ...mark });
    open = [];
  }
  if (open.length > 0) messages.push({ role: 'system', content: textOfParts(open, `${path}.content`) });
  return messages;
}

/** Text of a tool's result, and the images and files in it. */
function toolContent(
  content: Json | undefined,
  path: string,
): { readonly content: string; readonly parts?: readonly UserPart[] } {
  const textual = (part: Json): boolean =>
    !isJsonObject(part) || typeof part['text'] === 'string' || typeof part['refusal'] === 'string';
  if (!Array.isArray(content) || (content as readonly Json[]).every(textual))
    return { content: textOfParts(content, path) };
  const parts = (content as readonly Json[]).map((part, index) => userPartOf(part, `${path}.${index}`));
  return {
    content: textOf(parts),
    parts: parts.filter((part) => part.type !== 'text'),
  };
}

function assistantMessage(message: JsonObject, path: string): ChatMessage {
  const { content, name, tool_calls: calls } = message;
  const toolCalls = Array.isArray(calls)
    ? (calls as readonly Json[]).map((call, index) => toolCall(call, `${path}.tool_calls.${index}`))
    : [];
  return {
    role: 'assistant',
    content: textOfParts(content, `${path}.content`),
    ...(typeof name === 'string' ? { name } : {}),
    ...thinkingOf(message),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ...cacheMarkOf(message),
  };
}

/** Messages of OpenAI's chat completions in the platform's form. Error: `invalid_request`, naming the field. */
export function chatMessagesOf(messages: readonly Json[]): readonly ChatMessage[] {
  const toolNames = new Map<string, string>();
  return messages.flatMap((message, index): ChatMessage | readonly ChatMessage[] => {
    const path = `messages.${index}`;
    if (!isJsonObject(message)) throw fault(path, 'expected an object with "role" and "content"');
    const { role, content, name, tool_call_id: callId } = message;
    switch (typeof role === 'string' ? role : '') {
      case 'system':
      case 'developer':
        return systemMessages(message, path);
      case 'user': {
        const said = userContent(content, `${path}.content`);
        return {
          role: 'user',
          content: said,
          ...(typeof name === 'string' ? { name } : {}),
          ...cacheMarkOf(message),
        };
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
          ...toolContent(content, `${path}.content`),
          ...cacheMarkOf(message),
        };
      }
      default:
        throw fault(`${path}.role`, 'expected system, developer, user, assistant or tool');
    }
  });
}

function openAiContent(content: string | readonly UserPart[]): Json {
  return typeof content === 'string' ? content : content.map(openAiPartOf);
}

/** Messages as OpenAI's chat completions have them: the way back of `chatMessagesOf`. */
export function openAiMessagesOf(messages: readonly ChatMessage[]): readonly JsonObject[] {
  return messages.map((message): JsonObject => {
    const mark = cacheMarkField(message.cacheControl);
    switch (message.role) {
      case 'system':
        return { role: 'system', content: message.content, ...mark };
      case 'user': {
        const named = message.name === undefined ? {} : { name: message.name };
        return { role: 'user', content: openAiContent(message.content), ...named, ...mark };
      }
      case 'assistant': {
        const calls = (message.toolCalls ?? []).map((call) => ({
          id: call.id,
          type: 'function',
          function: { name: call.name, arguments: call.invalidArguments ?? JSON.stringify(call.arguments) },
          ...callDataFields(call),
        }));
        return {
          role: 'assistant',
          content: message.content,
          ...(message.name === undefined ? {} : { name: message.name }),
          ...thinkingFields(message),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
          ...mark,
        };
      }
      case 'tool':
      default: {
        const { toolCallId, content, parts = [] } = message;
        const text: UserPart[] = content === '' ? [] : [{ type: 'text', text: content }];
        return {
          role: 'tool',
          tool_call_id: toolCallId,
          content: parts.length === 0 ? content : openAiContent([...text, ...parts]),
          ...mark,
        };
      }
    }
  });
}
