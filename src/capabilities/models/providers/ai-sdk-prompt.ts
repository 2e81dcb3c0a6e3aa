import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4TextPart,
} from '@ai-sdk/provider';
import type { ChatMessage, UserPart } from '../../../protocol/index.ts';
import type { ModelRequest } from '../provider.ts';

function filePart(url: string, mediaType: string, name?: string): LanguageModelV4FilePart {
  const inline = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/s.exec(url);
  return {
    type: 'file',
    mediaType: inline?.[1] || mediaType,
    data: inline === null ? { type: 'url', url: new URL(url) } : { type: 'data', data: inline[2] ?? '' },
    ...(name === undefined ? {} : { filename: name }),
  };
}

function userPart(part: UserPart): LanguageModelV4TextPart | LanguageModelV4FilePart {
  if (part.type === 'text') return { type: 'text', text: part.text };
  if (part.type === 'image') return filePart(part.url, 'image/*');
  return filePart(part.url, part.mimeType, part.name);
}

function toSdkMessage(message: ChatMessage): LanguageModelV4Message {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content };
    case 'user':
      return {
        role: 'user',
        content:
          typeof message.content === 'string'
            ? [{ type: 'text', text: message.content }]
            : message.content.map(userPart),
      };
    case 'assistant':
      return {
        role: 'assistant',
        content: [
          ...(message.content === '' ? [] : [{ type: 'text' as const, text: message.content }]),
          ...(message.toolCalls ?? []).map((call) => ({
            type: 'tool-call' as const,
            toolCallId: call.id,
            toolName: call.name,
            input: call.arguments,
          })),
        ],
      };
    case 'tool':
    default:
      return {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: message.toolCallId,
            toolName: message.name,
            output: { type: message.isError === true ? 'error-text' : 'text', value: message.content },
          },
        ],
      };
  }
}

/** Our request as the AI SDK's providers take it. `systemFirst` joins all system messages into one at the front. */
export function toCallOptions(
  request: ModelRequest,
  options: { readonly signal: AbortSignal; readonly systemFirst: boolean },
): LanguageModelV4CallOptions {
  const { settings = {}, tools = [], toolChoice, responseFormat } = request;
  const system = request.messages.filter((message) => message.role === 'system');
  const messages: readonly ChatMessage[] =
    options.systemFirst && system.length > 0
      ? [
          { role: 'system', content: system.map((message) => message.content).join('\n\n') },
          ...request.messages.filter((message) => message.role !== 'system'),
        ]
      : request.messages;
  return {
    prompt: messages.map(toSdkMessage),
    abortSignal: options.signal,
    ...(settings.temperature === undefined ? {} : { temperature: settings.temperature }),
    ...(settings.maxTokens === undefined ? {} : { maxOutputTokens: settings.maxTokens }),
    ...(settings.topP === undefined ? {} : { topP: settings.topP }),
    ...(settings.seed === undefined ? {} : { seed: settings.seed }),
    ...(settings.stop === undefined ? {} : { stopSequences: [...settings.stop] }),
    ...(settings.frequencyPenalty === undefined ? {} : { frequencyPenalty: settings.frequencyPenalty }),
    ...(settings.presencePenalty === undefined ? {} : { presencePenalty: settings.presencePenalty }),
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map((tool) => ({
            type: 'function' as const,
            name: tool.name,
            description: tool.description,
            inputSchema: tool.parameters as object,
          })),
          toolChoice:
            typeof toolChoice === 'object'
              ? { type: 'tool' as const, toolName: toolChoice.name }
              : { type: toolChoice ?? ('auto' as const) },
        }),
    ...(responseFormat?.type === 'json'
      ? {
          responseFormat: {
            type: 'json' as const,
            ...(responseFormat.schema === undefined ? {} : { schema: responseFormat.schema as object }),
            ...(responseFormat.name === undefined ? {} : { name: responseFormat.name }),
          },
        }
      : {}),
  };
}
