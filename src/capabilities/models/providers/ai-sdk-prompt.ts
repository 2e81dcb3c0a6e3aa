import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4ReasoningPart,
  LanguageModelV4TextPart,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider';
import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { CacheMark, ChatMessage, UserPart } from '../../../protocol/index.ts';
import type { ModelRequest } from '../provider.ts';

/** How a dialect of the AI SDK is spoken to. */
export interface PromptDialect {
  /** The API takes system messages only at the front. */
  readonly systemFirst: boolean;
  /** Names under which the dialect keeps its own data (`anthropic`); absent: whatever is there is handed on. */
  readonly namespaces?: readonly string[];
  /** The dialect's own field for a cache mark; absent: it has none. */
  readonly cacheOptions?: (mark: CacheMark) => SharedV4ProviderOptions;
}

type Options = { providerOptions?: SharedV4ProviderOptions };

function ownData(data: JsonObject | undefined, dialect: PromptDialect): SharedV4ProviderOptions {
  const entries = Object.entries(data ?? {}).filter(
    ([name, value]) => isJsonObject(value) && (dialect.namespaces?.includes(name) ?? true),
  );
  return Object.fromEntries(entries) as SharedV4ProviderOptions;
}

function optionsOf(
  source: { readonly cacheControl?: CacheMark; readonly providerData?: JsonObject },
  dialect: PromptDialect,
): Options {
  const data = ownData(source.providerData, dialect);
  const cache = source.cacheControl === undefined ? {} : (dialect.cacheOptions?.(source.cacheControl) ?? {});
  const merged = { ...data };
  for (const [name, value] of Object.entries(cache)) merged[name] = { ...merged[name], ...value };
  return Object.keys(merged).length === 0 ? {} : { providerOptions: merged };
}

function filePart(url: string, mediaType: string, name?: string): LanguageModelV4FilePart {
  const inline = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/s.exec(url);
  return {
    type: 'file',
    mediaType: inline?.[1] || mediaType,
    data: inline === null ? { type: 'url', url: new URL(url) } : { type: 'data', data: inline[2] ?? '' },
    ...(name === undefined ? {} : { filename: name }),
  };
}

function userPart(part: UserPart, dialect: PromptDialect): LanguageModelV4TextPart | LanguageModelV4FilePart {
  const options = optionsOf(part, dialect);
  if (part.type === 'text') return { type: 'text', text: part.text, ...options };
  if (part.type === 'image') return { ...filePart(part.url, 'image/*'), ...options };
  return { ...filePart(part.url, part.mimeType, part.name), ...options };
}

function assistantParts(
  message: Extract<ChatMessage, { role: 'assistant' }>,
  dialect: PromptDialect,
): (LanguageModelV4TextPart | LanguageModelV4ReasoningPart | LanguageModelV4ToolCallPart)[] {
  // Thinking that another provider signed, or nobody, would be refused.
  const signed = (message.reasoningParts ?? []).flatMap((part): LanguageModelV4ReasoningPart[] => {
    const options = optionsOf(part, dialect);
    return options.providerOptions === undefined ? [] : [{ type: 'reasoning', text: part.text, ...options }];
  });
  const { providerData } = message;
  const textData = optionsOf(providerData === undefined ? {} : { providerData }, dialect);
  const said = message.content !== '' || textData.providerOptions !== undefined;
  return [
    ...signed,
    ...(said ? [{ type: 'text' as const, text: message.content, ...textData }] : []),
    ...(message.toolCalls ?? []).map((call) => ({
      type: 'tool-call' as const,
      toolCallId: call.id,
      toolName: call.name,
      input: call.arguments,
      ...optionsOf(call, dialect),
    })),
  ];
}

function toolOutput(
  message: Extract<ChatMessage, { role: 'tool' }>,
  dialect: PromptDialect,
): LanguageModelV4ToolResultPart['output'] {
  const { content, parts = [], isError } = message;
  if (parts.length === 0) return { type: isError === true ? 'error-text' : 'text', value: content };
  const text: UserPart[] = content === '' ? [] : [{ type: 'text', text: content }];
  return { type: 'content', value: [...text, ...parts].map((part) => userPart(part, dialect)) };
}

function toSdkMessage(message: ChatMessage, dialect: PromptDialect): LanguageModelV4Message {
  const { cacheControl } = message;
  const options = optionsOf(cacheControl === undefined ? {} : { cacheControl }, dialect);
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content, ...options };
    case 'user':
      return {
        role: 'user',
        content:
          typeof message.content === 'string'
            ? [{ type: 'text', text: message.content }]
            : message.content.map((part) => userPart(part, dialect)),
        ...options,
      };
    case 'assistant':
      return { role: 'assistant', content: assistantParts(message, dialect), ...options };
    case 'tool':
    default:
      return {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: message.toolCallId,
            toolName: message.name,
            output: toolOutput(message, dialect),
          },
        ],
        ...options,
      };
  }
}

function toolOptions(
  request: ModelRequest,
  dialect: PromptDialect,
): Pick<LanguageModelV4CallOptions, 'tools' | 'toolChoice'> {
  const { tools = [], toolChoice } = request;
  if (tools.length === 0) return {};
  return {
    tools: tools.map((tool) => ({
      type: 'function' as const,
      name: tool.name,
      description: tool.description,
      inputSchema: tool.parameters as object,
      ...(tool.strict === undefined ? {} : { strict: tool.strict }),
      ...optionsOf(tool.cacheControl === undefined ? {} : { cacheControl: tool.cacheControl }, dialect),
    })),
    toolChoice:
      typeof toolChoice === 'object'
        ? { type: 'tool' as const, toolName: toolChoice.name }
        : { type: toolChoice ?? ('auto' as const) },
  };
}

/** Our request as the AI SDK's providers take it; what the dialect makes of `extra` comes in by `more`. */
export function toCallOptions(
  request: ModelRequest,
  dialect: PromptDialect,
  more: Partial<LanguageModelV4CallOptions>,
): LanguageModelV4CallOptions {
  const { settings = {}, responseFormat } = request;
  const messages: readonly ChatMessage[] = dialect.systemFirst
    ? [
        ...request.messages.filter((message) => message.role === 'system'),
        ...request.messages.filter((message) => message.role !== 'system'),
      ]
    : request.messages;
  return {
    prompt: messages.map((message) => toSdkMessage(message, dialect)),
    ...(settings.temperature === undefined ? {} : { temperature: settings.temperature }),
    ...(settings.maxTokens === undefined ? {} : { maxOutputTokens: settings.maxTokens }),
    ...(settings.topP === undefined ? {} : { topP: settings.topP }),
    ...(settings.seed === undefined ? {} : { seed: settings.seed }),
    ...(settings.stop === undefined ? {} : { stopSequences: [...settings.stop] }),
    ...(settings.frequencyPenalty === undefined ? {} : { frequencyPenalty: settings.frequencyPenalty }),
    ...(settings.presencePenalty === undefined ? {} : { presencePenalty: settings.presencePenalty }),
    ...toolOptions(request, dialect),
    ...(responseFormat?.type === 'json'
      ? {
          responseFormat: {
            type: 'json' as const,
            ...(responseFormat.schema === undefined ? {} : { schema: responseFormat.schema as object }),
            ...(responseFormat.name === undefined ? {} : { name: responseFormat.name }),
            ...(responseFormat.description === undefined ? {} : { description: responseFormat.description }),
          },
        }
      : {}),
    ...more,
  };
}
