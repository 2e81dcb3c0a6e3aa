import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { ChatMessage, ReasoningPart, ToolCall, UserPart } from '../../../protocol/index.ts';
import { requestFault } from '../model-door/request-fault.ts';
import { cacheMarkOf, contentParts } from './content-parts.ts';
import type { MessagesRequest } from './messages-request.ts';

type Content = MessagesRequest['messages'][number]['content'];

/** Names of the tools that were called so far, by the id of the call. */
type ToolNames = Map<string, string>;

function toolResult(block: JsonObject, path: string, names: ToolNames): ChatMessage {
  const { tool_use_id: id, is_error: isError } = block;
  if (typeof id !== 'string') throw requestFault(`${path}.tool_use_id`, 'expected the id of a tool_use');
  const name = names.get(id);
  if (name === undefined) throw requestFault(`${path}.tool_use_id`, `no earlier tool_use has the id "${id}"`);
  const parts = contentParts(block['content'], `${path}.content`);
  const others = parts.filter(({ type }) => type !== 'text');
  return {
    role: 'tool',
    toolCallId: id,
    name,
    content: parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n'),
    ...(isError === true ? { isError } : {}),
    ...(others.length === 0 ? {} : { parts: others }),
    ...cacheMarkOf(block),
  };
}

/** Results of tools come first, whatever else the message says follows them. */
function userMessages(content: Content, path: string, names: ToolNames): readonly ChatMessage[] {
  if (typeof content === 'string') return [{ role: 'user', content }];
  const results: ChatMessage[] = [];
  const parts: UserPart[] = [];
  for (const [index, block] of content.entries()) {
    const place = `${path}.${index}`;
    if (block['type'] === 'tool_result') results.push(toolResult(block, place, names));
    else {
      const [part] = contentParts([block], place.slice(0, place.lastIndexOf('.')));
      if (part !== undefined) parts.push(part);
    }
  }
  if (parts.length === 0) return results;
  const [only] = parts;
  const plain = parts.length === 1 && only?.type === 'text' && only.cacheControl === undefined;
  return [...results, { role: 'user', content: plain ? only.text : parts }];
}

function toolUse({ id, name, input }: JsonObject, path: string): ToolCall {
  if (typeof id !== 'string') throw requestFault(`${path}.id`, 'expected a text');
  if (typeof name !== 'string') throw requestFault(`${path}.name`, 'expected a text');
  if (!isJsonObject(input)) throw requestFault(`${path}.input`, 'expected an object');
  return { id, name, arguments: input };
}

function thinkingOf({ type, thinking, signature, data }: JsonObject): ReasoningPart {
  if (type === 'redacted_thinking')
    return {
      text: '',
      ...(typeof data === 'string' ? { providerData: { anthropic: { redactedData: data } } } : {}),
    };
  return {
    text: typeof thinking === 'string' ? thinking : '',
    ...(typeof signature === 'string' && signature !== ''
      ? { providerData: { anthropic: { signature } } }
      : {}),
  };
}

function assistantMessage(content: Content, path: string, names: ToolNames): ChatMessage {
  if (typeof content === 'string') return { role: 'assistant', content };
  const texts: string[] = [];
  const toolCalls: ToolCall[] = [];
  const reasoningParts: ReasoningPart[] = [];
  let mark = {};
  for (const [index, block] of content.entries()) {
    const place = `${path}.${index}`;
    const { type, text } = block;
    if (type === 'text') {
      if (typeof text !== 'string') throw requestFault(`${place}.text`, 'expected a text');
      texts.push(text);
    } else if (type === 'tool_use') {
      const call = toolUse(block, place);
      names.set(call.id, call.name);
      toolCalls.push(call);
    } else if (type === 'thinking' || type === 'redacted_thinking') reasoningParts.push(thinkingOf(block));
    // What a provider's own tools did stays with that provider.
    else if (
      typeof type !== 'string' ||
      !/^(?:server_tool_use|mcp_tool_use|compaction|.+_tool_result)$/.test(type)
    )
      throw requestFault(`${place}.type`, 'expected text, tool_use, thinking or redacted_thinking');
    mark = { ...mark, ...cacheMarkOf(block) };
  }
  const reasoning = reasoningParts.map((part) => part.text).join('');
  return {
    role: 'assistant',
    content: texts.join(''),
    ...(reasoning === '' ? {} : { reasoning }),
    ...(reasoningParts.length === 0 ? {} : { reasoningParts }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...mark,
  };
}

/** `system`, and messages of the role in between, one message for each block. */
function systemMessages(content: Json | undefined, path: string): readonly ChatMessage[] {
  return contentParts(content, path).map((part, index): ChatMessage => {
    if (part.type !== 'text') throw requestFault(`${path}.${index}.type`, 'expected text');
    const { text, cacheControl } = part;
    return { role: 'system', content: text, ...(cacheControl === undefined ? {} : { cacheControl }) };
  });
}

/** A request's conversation as messages. Error: `invalid_request`, naming the field. */
export function messagesOf({
  system,
  messages,
}: Pick<MessagesRequest, 'system' | 'messages'>): readonly ChatMessage[] {
  const names: ToolNames = new Map();
  return [
    ...systemMessages(system ?? undefined, 'system'),
    ...messages.flatMap(({ role, content }, index): readonly ChatMessage[] => {
      const path = `messages.${index}.content`;
      switch (role) {
        case 'assistant':
          return [assistantMessage(content, path, names)];
        case 'user':
          return userMessages(content, path, names);
        case 'system':
          return systemMessages(content, path);
        default:
          throw requestFault(`messages.${index}.role`, 'expected user, assistant or system');
      }
    }),
  ];
}
