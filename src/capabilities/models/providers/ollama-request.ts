import { AppError, isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import { textOf, type ChatMessage, type UserPart } from '../../../protocol/index.ts';
import { openAIOnly } from './foreign-extra.ts';
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

/** Options of a model, as its Modelfile has them. */
const modelOptions: ReadonlySet<string> = new Set([
  'num_keep',
  'num_ctx',
  'num_batch',
  'num_gpu',
  'main_gpu',
  'num_thread',
  'num_predict',
  'top_k',
  'top_p',
  'min_p',
  'tfs_z',
  'typical_p',
  'repeat_last_n',
  'repeat_penalty',
  'mirostat',
  'mirostat_eta',
  'mirostat_tau',
  'penalize_newline',
  'use_mmap',
  'use_mlock',
  'numa',
  'seed',
  'stop',
]);

/** Fields of OpenAI's that are put into words of Ollama's, or have none. */
const translated: ReadonlySet<string> = new Set([
  'max_completion_tokens',
  'metadata',
  'options',
  'parallel_tool_calls',
  'reasoning_effort',
  'service_tier',
  'user',
]);

/** Ollama's own names for what is OpenAI's elsewhere. */
const ollamaToo: ReadonlySet<string> = new Set(['logprobs', 'top_logprobs']);

function isOwnField(name: string): boolean {
  if (ollamaToo.has(name)) return true;
  return !modelOptions.has(name) && !translated.has(name) && !openAIOnly.has(name);
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

/** Pictures go along; texts in files are read; anything else is refused rather than left out. */
function imagesOf(parts: readonly UserPart[]): readonly string[] {
  return parts.flatMap((part) => {
    if (part.type === 'image') return [base64Of(part.url)];
    if (part.type !== 'file') return [];
    if (part.mimeType.startsWith('image/')) return [base64Of(part.url)];
    if (part.mimeType.startsWith('text/') || part.mimeType === 'application/json') return [];
    throw new AppError('model_rejected', `Ollama takes no files of type ${part.mimeType}.`);
  });
}

function contentOf(content: string | readonly UserPart[]): string {
  if (typeof content === 'string') return content;
  const files = content.flatMap((part) => {
    if (part.type !== 'file' || part.mimeType.startsWith('image/')) return [];
    const text = Buffer.from(base64Of(part.url), 'base64').toString('utf8');
    return [`${part.name === undefined ? '' : `${part.name}:\n`}${text}`];
  });
  return [textOf(content), ...files].filter((text) => text !== '').join('\n\n');
}

function toOllamaMessage(message: ChatMessage, inRound: boolean): JsonObject {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content };
    case 'user': {
      const images = imagesOf(typeof message.content === 'string' ? [] : message.content);
      return {
        role: 'user',
        content: contentOf(message.content),
        ...(images.length === 0 ? {} : { images }),
      };
    }
    case 'assistant':
      return {
        role: 'assistant',
        content: message.content,
        // Models that think between their calls want to see why they made them.
        ...(inRound && message.reasoning !== undefined ? { thinking: message.reasoning } : {}),
        ...(message.toolCalls === undefined || message.toolCalls.length === 0
          ? {}
          : {
              tool_calls: message.toolCalls.map((call) => ({
                function: { name: call.name, arguments: call.arguments },
              })),
            }),
      };
    case 'tool':
    default: {
      const images = imagesOf(message.parts ?? []);
      return {
        role: 'tool',
        tool_name: message.name,
        content: message.content,
        ...(images.length === 0 ? {} : { images }),
      };
    }
  }
}

function thinkOf(extra: JsonObject, settings: OllamaSettings): Json | undefined {
  const effort = extra['reasoning_effort'];
  if (effort === 'none') return false;
  if (effort === 'low' || effort === 'medium' || effort === 'high') return effort;
  return settings.think;
}

/** Body of `POST /api/chat`. `numCtx` is what is chosen where nobody says it. */
export function toOllamaRequest(
  request: ModelRequest,
  settings: OllamaSettings,
  numCtx?: number,
): JsonObject {
  const { tools = [], toolChoice, responseFormat, extra = {} } = request;
  const given = request.settings ?? {};
  const entries = Object.entries(extra);
  const nested = extra['options'];
  const options: JsonObject = {
    num_ctx: settings.numCtx ?? numCtx,
    ...Object.fromEntries(entries.filter(([name]) => modelOptions.has(name))),
    ...(isJsonObject(nested) ? nested : {}),
    ...Object.fromEntries(
      Object.entries({
        temperature: given.temperature,
        num_predict: given.maxTokens ?? extra['max_completion_tokens'],
        top_p: given.topP,
        seed: given.seed,
        stop: given.stop,
        frequency_penalty: given.frequencyPenalty,
        presence_penalty: given.presencePenalty,
      }).filter(([, value]) => value !== undefined),
    ),
  };
  // Ollama has no tool choice: "none" and a single named tool are said by the list itself.
  const offered =
    toolChoice === 'none'
      ? []
      : typeof toolChoice === 'object'
        ? tools.filter((tool) => tool.name === toolChoice.name)
        : tools;
  const lastUser = request.messages.findLastIndex((message) => message.role === 'user');
  return {
    keep_alive: settings.keepAlive,
    think: thinkOf(extra, settings),
    ...Object.fromEntries(entries.filter(([name]) => isOwnField(name))),
    model: request.model,
    stream: true,
    messages: request.messages.map((message, index) => toOllamaMessage(message, index > lastUser)),
    options,
    tools:
      offered.length === 0
        ? undefined
        : offered.map(({ name, description, parameters }) => ({
            type: 'function',
            function: { name, description, parameters },
          })),
    ...(responseFormat?.type === 'json' ? { format: responseFormat.schema ?? 'json' } : {}),
  };
}
