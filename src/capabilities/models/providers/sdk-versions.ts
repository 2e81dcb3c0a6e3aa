import type {
  LanguageModelV2,
  LanguageModelV3,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import { AppError } from '../../../base/index.ts';
import type { PreparedCall } from './ai-sdk-provider.ts';

/** A language model of the AI SDK, of any version of its specification since 2. */
export type SdkLanguageModel = LanguageModelV2 | LanguageModelV3 | LanguageModelV4;

type Part = Readonly<Record<string, unknown>>;

/** Until version 4, a file's data was no tagged value. */
function plainData(data: unknown): unknown {
  const tagged = data as { type?: string; data?: unknown; url?: unknown; text?: unknown };
  if (tagged.type === 'url') return tagged.url;
  return tagged.type === 'text' ? new TextEncoder().encode(String(tagged.text)) : tagged.data;
}

/** Files in results of tools had names of their own in versions 2 and 3. */
function olderResultFile(part: Part, version: 2 | 3): Part {
  const { mediaType, data } = part;
  const plain = plainData(data);
  if (version === 2) return { type: 'media', data: String(plain), mediaType };
  return plain instanceof URL
    ? { type: 'file-url', url: plain.href }
    : { type: 'file-data', data: plain, mediaType };
}

function olderPart(part: Part, version: 2 | 3): Part {
  if (part['type'] === 'file') return { ...part, data: plainData(part['data']) };
  const output = part['output'] as { type?: string; value?: unknown } | undefined;
  if (part['type'] !== 'tool-result' || output?.type !== 'content') return part;
  const value = (output.value as Part[]).map((one) =>
    one['type'] === 'file' ? olderResultFile(one, version) : one,
  );
  return { ...part, output: { ...output, value } };
}

function olderOptions(options: LanguageModelV4CallOptions, version: 2 | 3): unknown {
  const { reasoning: _newer, prompt, ...rest } = options;
  return {
    ...rest,
    prompt: prompt.map((message) =>
      typeof message.content === 'string'
        ? message
        : {
            ...message,
            content: message.content.map((part) => olderPart(part as unknown as Part, version)),
          },
    ),
  };
}

/** Data of a file that the model made, tagged as version 4 has it. */
function newerFile(part: Part): Part {
  const { data } = part;
  if (part['type'] !== 'file' || typeof data === 'object') {
    if (data instanceof URL) return { ...part, data: { type: 'url', url: data } };
    return data instanceof Uint8Array ? { ...part, data: { type: 'data', data } } : part;
  }
  return { ...part, data: { type: 'data', data } };
}

function newerReason(reason: unknown): LanguageModelV4FinishReason {
  if (typeof reason !== 'string') return reason as LanguageModelV4FinishReason;
  const unified = reason === 'unknown' ? 'other' : reason;
  return { unified: unified as LanguageModelV4FinishReason['unified'], raw: reason };
}

function newerUsage(usage: unknown): LanguageModelV4Usage {
  const given = (usage ?? {}) as Readonly<Record<string, unknown>>;
  if (given['inputTokens'] !== null && typeof given['inputTokens'] === 'object')
    return given as unknown as LanguageModelV4Usage;
  const number = (name: string): number | undefined =>
    typeof given[name] === 'number' ? given[name] : undefined;
  return {
    inputTokens: {
      total: number('inputTokens'),
      noCache: undefined,
      cacheRead: number('cachedInputTokens'),
      cacheWrite: undefined,
    },
    outputTokens: {
      total: number('outputTokens'),
      text: undefined,
      reasoning: number('reasoningTokens'),
    },
  };
}

function newerStreamPart(part: Part): LanguageModelV4StreamPart {
  const converted =
    part['type'] === 'finish'
      ? { ...part, finishReason: newerReason(part['finishReason']), usage: newerUsage(part['usage']) }
      : newerFile(part);
  return converted as unknown as LanguageModelV4StreamPart;
}

function fromOlder(model: LanguageModelV2 | LanguageModelV3, version: 2 | 3): PreparedCall['model'] {
  return {
    async doGenerate(options) {
      const result = await model.doGenerate(olderOptions(options, version) as never);
      return {
        ...result,
        content: (result.content as unknown as Part[]).map(newerFile),
        finishReason: newerReason(result.finishReason),
        usage: newerUsage(result.usage),
      } as unknown as LanguageModelV4GenerateResult;
    },
    async doStream(options) {
      const result = await model.doStream(olderOptions(options, version) as never);
      const parts = result.stream as unknown as ReadableStream<Part>;
      return {
        stream: parts.pipeThrough(
          new TransformStream<Part, LanguageModelV4StreamPart>({
            transform: (part, controller) => controller.enqueue(newerStreamPart(part)),
          }),
        ),
      };
    },
  };
}

/** Is this a language model of the AI SDK? */
export function isSdkLanguageModel(value: unknown): value is SdkLanguageModel {
  const model = value as Partial<Record<string, unknown>> | null | undefined;
  return (
    typeof model === 'object' &&
    model !== null &&
    typeof model['doGenerate'] === 'function' &&
    typeof model['doStream'] === 'function'
  );
}

/** A model of any version as one of version 4. Error: `invalid_definition` for a version that is not known. */
export function asModernModel(model: SdkLanguageModel): PreparedCall['model'] {
  switch (model.specificationVersion) {
    case 'v4':
      return model;
    case 'v3':
      return fromOlder(model, 3);
    case 'v2':
      return fromOlder(model, 2);
    default:
      throw new AppError(
        'invalid_definition',
        `This language model follows version "${String((model as { specificationVersion?: unknown }).specificationVersion)}" of the AI SDK's specification; v2, v3 and v4 are understood.`,
      );
  }
}
