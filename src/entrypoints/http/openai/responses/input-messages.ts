import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../../../base/index.ts';
import type { ChatMessage, ToolCall, UserPart } from '../../../../protocol/index.ts';
import { requestFault } from '../../model-door/request-fault.ts';
import { inputParts, splitParts } from './input-parts.ts';

type Assistant = Extract<ChatMessage, { role: 'assistant' }>;

function textField(item: JsonObject, name: string, path: string): string {
  const value = item[name];
  if (typeof value === 'string' && value !== '') return value;
  throw requestFault(`${path}.${name}`, 'expected a text');
}

function toolCallOf(item: JsonObject, path: string): ToolCall {
  const raw = item['arguments'];
  if (typeof raw !== 'string') throw requestFault(`${path}.arguments`, 'expected JSON as a text');
  const parsed = tryParseJson(raw === '' ? '{}' : raw);
  const call = { id: textField(item, 'call_id', path), name: textField(item, 'name', path) };
  return isJsonObject(parsed)
    ? { ...call, arguments: parsed }
    : { ...call, arguments: {}, invalidArguments: raw };
}

function reasoningOf(item: JsonObject, path: string): string {
  const texts = (['summary', 'content'] as const).map((field) => {
    const parts = item[field];
    return parts === undefined || parts === null
      ? ''
      : splitParts(inputParts(parts, `${path}.${field}`)).text;
  });
  return texts.filter((text) => text !== '').join('\n');
}

/** A user's content, as a plain text where it is nothing else. */
function userContent(parts: readonly UserPart[]): string | readonly UserPart[] {
  const [only] = parts;
  return parts.length === 1 && only?.type === 'text' ? only.text : parts;
}

/** Puts items together to messages; thinking, text and calls that follow each other are one message of the assistant. */
class Conversation {
  readonly messages: ChatMessage[] = [];
  readonly #toolNames = new Map<string, string>();
  #open: Assistant | undefined;

  #close(): void {
    if (this.#open !== undefined) this.messages.push(this.#open);
    this.#open = undefined;
  }

  #assistant(more: Partial<Assistant>): void {
    this.#open = { role: 'assistant', content: '', ...this.#open, ...more };
  }

  end(): readonly ChatMessage[] {
    this.#close();
    return this.messages;
  }

  message(item: JsonObject, path: string): void {
    const parts = inputParts(item['content'], `${path}.content`);
    const { text, others } = splitParts(parts);
    const role = item['role'];
    switch (typeof role === 'string' ? role : '') {
      case 'assistant':
        if (others.length > 0) throw requestFault(`${path}.content`, 'an answer consists of texts');
        if (this.#open !== undefined && (this.#open.content !== '' || this.#open.toolCalls !== undefined))
          this.#close();
        this.#assistant({ content: text });
        return;
      case 'system':
      case 'developer':
        this.#close();
        this.messages.push({ role: 'system', content: text });
        return;
      case 'user':
        this.#close();
        this.messages.push({ role: 'user', content: userContent(parts) });
        return;
      default:
        throw requestFault(`${path}.role`, 'expected user, assistant, system or developer');
    }
  }

  reasoning(item: JsonObject, path: string): void {
    const text = reasoningOf(item, path);
    const open = this.#open;
    if (open !== undefined && (open.content !== '' || open.toolCalls !== undefined)) this.#close();
    const earlier = this.#open?.reasoning;
    if (text !== '') this.#assistant({ reasoning: earlier === undefined ? text : `${earlier}\n${text}` });
  }

  call(item: JsonObject, path: string): void {
    const call = toolCallOf(item, path);
    this.#toolNames.set(call.id, call.name);
    this.#assistant({ toolCalls: [...(this.#open?.toolCalls ?? []), call] });
  }

  output(item: JsonObject, path: string): void {
    this.#close();
    const toolCallId = textField(item, 'call_id', path);
    const name = this.#toolNames.get(toolCallId);
    if (name === undefined)
      throw requestFault(`${path}.call_id`, `no earlier function_call has the call_id "${toolCallId}"`);
    const { text, others } = splitParts(inputParts(item['output'], `${path}.output`));
    this.messages.push({
      role: 'tool',
      toolCallId,
      name,
      content: text,
      ...(others.length === 0 ? {} : { parts: others }),
    });
  }
}

/** Items of a conversation as messages; `paths` names their places. Error: `invalid_request`, naming the field. */
export function messagesOfItems(
  items: readonly Json[],
  pathOf: (index: number) => string = (index) => `input.${index}`,
): readonly ChatMessage[] {
  const conversation = new Conversation();
  for (const [index, item] of items.entries()) {
    const path = pathOf(index);
    if (!isJsonObject(item)) throw requestFault(path, 'expected an object');
    const type = item['type'] ?? 'message';
    switch (typeof type === 'string' ? type : '') {
      case 'message':
        conversation.message(item, path);
        break;
      case 'reasoning':
        conversation.reasoning(item, path);
        break;
      case 'function_call':
        conversation.call(item, path);
        break;
      case 'function_call_output':
        conversation.output(item, path);
        break;
      case 'item_reference':
        throw requestFault(`${path}.id`, `there is no item ${JSON.stringify(item['id'])}; was it stored?`);
      default:
        throw requestFault(
          `${path}.type`,
          'expected message, function_call, function_call_output, reasoning or item_reference',
        );
    }
  }
  return conversation.end();
}
