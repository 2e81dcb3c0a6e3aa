import type { ChatMessage, ToolCall, UserPart } from '../../../protocol/index.ts';
import { requestFault } from '../model-door/request-fault.ts';
import type { OllamaMessage } from './ollama-request.ts';

/** First characters of base64 by the type of the image. */
const signatures: readonly (readonly [string, string])[] = [
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
];

function imagePart(image: string): UserPart {
  if (/^(?:data|https?):/.test(image)) return { type: 'image', url: image };
  const type = signatures.find(([begin]) => image.startsWith(begin))?.[1] ?? 'image/png';
  return { type: 'image', url: `data:${type};base64,${image}` };
}

/** What a user says, with images as base64. */
export function userMessage(content: string, images: readonly string[]): ChatMessage {
  if (images.length === 0) return { role: 'user', content };
  const text: readonly UserPart[] = content === '' ? [] : [{ type: 'text', text: content }];
  return { role: 'user', content: [...text, ...images.map(imagePart)] };
}

/** Which open call a result belongs to: by id, else by name, else the oldest. */
function takeCall(open: ToolCall[], { tool_call_id: id, tool_name: name, name: older }: OllamaMessage) {
  const named = name ?? (typeof older === 'string' ? older : undefined);
  const byId = typeof id === 'string' ? open.findIndex((call) => call.id === id) : -1;
  const byName = named === undefined ? 0 : open.findIndex((call) => call.name === named);
  const index = byId >= 0 ? byId : byName;
  return index < 0 ? undefined : open.splice(index, 1)[0];
}

/** Messages of Ollama's chat in our form; calls without an id get one. Error: `invalid_request`, naming the field. */
export function messagesOfOllama(messages: readonly OllamaMessage[]): readonly ChatMessage[] {
  const open: ToolCall[] = [];
  let calls = 0;
  return messages.map((message, index): ChatMessage => {
    const content = message.content ?? '';
    switch (message.role) {
      case 'system':
        return { role: 'system', content };
      case 'user':
        return userMessage(content, message.images ?? []);
      case 'assistant': {
        const toolCalls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: given } }) => {
          calls += 1;
          return { id: id ?? `call_${calls}`, name, arguments: given ?? {} };
        });
        open.push(...toolCalls);
        return {
          role: 'assistant',
          content,
          ...(typeof message.thinking === 'string' && message.thinking !== ''
            ? { reasoning: message.thinking }
            : {}),
          ...(toolCalls.length === 0 ? {} : { toolCalls }),
        };
      }
      case 'tool':
      default: {
        const call = takeCall(open, message);
        if (call === undefined)
          throw requestFault(
            `messages.${index}`,
            'no earlier message calls a tool that this is the result of',
          );
        return { role: 'tool', toolCallId: call.id, name: call.name, content };
      }
    }
  });
}
