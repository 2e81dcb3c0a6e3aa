import { estimateTokenCount } from 'tokenx';
import { AppError, type JsonObject } from '../../../base/index.ts';
import { textOf, type ChatMessage } from '../../../protocol/index.ts';
import type { ModelRequest } from '../provider.ts';

/** Settings that only Ollama's own API carries. */
export interface OllamaSettings {
  /** Size of the context in tokens; by default what the conversation needs, in powers of two. */
  readonly numCtx?: number;
  /** How long the model stays loaded: `5m`, `-1`. */
  readonly keepAlive?: string | number;
  /** Ask a thinking model to think, or not to. */
  readonly think?: boolean | 'low' | 'medium' | 'high';
}

/** What Ollama loads a model with when nobody says anything; longer prompts would be cut without a word. */
const ollamaDefaultContext = 4096;
const largestChosenContext = 131_072;

function contextFor(request: ModelRequest): number | undefined {
  const text = request.messages.map((message) => textOf(message.content)).join('\n');
  const tools = request.tools === undefined ? '' : JSON.stringify(request.tools);
  // The estimate runs low on code and JSON, and the answer needs room of its own.
  const needed = estimateTokenCount(text + tools) * 1.3 + (request.settings?.maxTokens ?? 1024);
  if (needed <= ollamaDefaultContext) return undefined;
  return Math.min(largestChosenContext, 2 ** Math.ceil(Math.log2(needed)));
}

function base64Of(url: string): string {
  const inline = /^data:[^,]*;base64,(.*)$/s.exec(url);
  if (inline?.[1] === undefined)
    throw new AppError(
      'model_rejected',
      'Ollama takes images only as base64 data URLs, not as web addresses.',
    );
  return inline[1];
}

function toOllamaMessage(message: ChatMessage): JsonObject {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content };
    case 'user': {
      const parts = typeof message.content === 'string' ? [] : message.content;
      const images = parts.flatMap((part) => (part.type === 'image' ? [base64Of(part.url)] : []));
      return {
        role: 'user',
        content: textOf(message.content),
        ...(images.length === 0 ? {} : { images }),
      };
    }
    case 'assistant':
      return {
        role: 'assistant',
        content: message.content,
        ...(message.toolCalls === undefined || message.toolCalls.length === 0
          ? {}
          : {
              tool_calls: message.toolCalls.map((call) => ({
                function: { name: call.name, arguments: call.arguments },
              })),
            }),
      };
    case 'tool':
    default:
      return { role: 'tool', tool_name: message.name, content: message.content };
  }
}

/** Body of `POST /api/chat`. */
export function toOllamaRequest(request: ModelRequest, settings: OllamaSettings): JsonObject {
  const { tools = [], toolChoice, responseFormat } = request;
  const given = request.settings ?? {};
  const numCtx = settings.numCtx ?? contextFor(request);
  const modelOptions: JsonObject = {
    temperature: given.temperature,
    num_predict: given.maxTokens,
    top_p: given.topP,
    seed: given.seed,
    stop: given.stop,
    frequency_penalty: given.frequencyPenalty,
    presence_penalty: given.presencePenalty,
    num_ctx: numCtx,
  };
  // Ollama has no tool choice: "none" and a single named tool are said by the list itself.
  const offered =
    toolChoice === 'none'
      ? []
      : typeof toolChoice === 'object'
        ? tools.filter((tool) => tool.name === toolChoice.name)
        : tools;
  return {
    model: request.model,
    stream: true,
    messages: request.messages.map(toOllamaMessage),
    options: modelOptions,
    tools:
      offered.length === 0
        ? undefined
        : offered.map(({ name, description, parameters }) => ({
            type: 'function',
            function: { name, description, parameters },
          })),
    format: responseFormat?.type === 'json' ? (responseFormat.schema ?? 'json') : undefined,
    keep_alive: settings.keepAlive,
    think: settings.think,
  };
}
