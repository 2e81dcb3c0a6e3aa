import type {
  LanguageModelV4Content,
  LanguageModelV4File,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { ReasoningPart, Usage } from '../../../protocol/index.ts';
import type { AnswerExtras } from '../provider.ts';

type Part = LanguageModelV4Content | LanguageModelV4StreamPart;

/** Metadata as plain JSON, or `undefined` where there is none. */
function dataOf(metadata: unknown): JsonObject | undefined {
  if (metadata === null || typeof metadata !== 'object') return undefined;
  const json: unknown = JSON.parse(JSON.stringify(metadata));
  if (!isJsonObject(json)) return undefined;
  const filled = Object.entries(json).filter(
    ([, value]) => isJsonObject(value) && Object.values(value).some((one) => one !== null),
  );
  return filled.length === 0 ? undefined : Object.fromEntries(filled);
}

function merged(a: JsonObject | undefined, b: JsonObject | undefined): JsonObject | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const all: Record<string, Json | undefined> = { ...a };
  for (const [name, value] of Object.entries(b)) {
    const before = all[name];
    all[name] = isJsonObject(before) && isJsonObject(value) ? { ...before, ...value } : value;
  }
  return all;
}

/** The SDK's usage as ours. `costUsd` is what the provider says it charged, where it does (OpenRouter's `cost`). */
export function toUsage(usage: LanguageModelV4Usage): Usage {
  const { inputTokens, outputTokens, raw } = usage;
  const { cacheRead = 0, cacheWrite = 0 } = inputTokens;
  const { reasoning = 0 } = outputTokens;
  const cost = raw?.['cost'];
  return {
    inputTokens: inputTokens.total ?? 0,
    outputTokens: outputTokens.total ?? 0,
    costUsd: typeof cost === 'number' && cost >= 0 ? cost : null,
    ...(cacheRead > 0 ? { cachedInputTokens: cacheRead } : {}),
    ...(cacheWrite > 0 ? { cacheWriteTokens: cacheWrite } : {}),
    ...(reasoning > 0 ? { reasoningTokens: reasoning } : {}),
  };
}

/** What the metadata of a part means to us as data of a tool call. */
export function callData(metadata: unknown): { providerData?: JsonObject } {
  const providerData = dataOf(metadata);
  return providerData === undefined ? {} : { providerData };
}

function urlOf({ data, mediaType }: LanguageModelV4File): string {
  if (data.type === 'url') return data.url.href;
  const base64 = typeof data.data === 'string' ? data.data : Buffer.from(data.data).toString('base64');
  return `data:${mediaType};base64,${base64}`;
}

/** Gathers what an answer carries beside its text and calls: signatures, sources, pictures. */
export class AnswerGatherer {
  readonly #reasoning = new Map<string, { text: string; data: JsonObject | undefined }>();
  readonly #annotations: JsonObject[] = [];
  readonly #images: JsonObject[] = [];
  #textData: JsonObject | undefined;

  take(part: Part): void {
    if (part.type === 'reasoning')
      this.#think(`whole ${this.#reasoning.size}`, part.text, part.providerMetadata);
    else if (part.type === 'reasoning-start' || part.type === 'reasoning-end')
      this.#think(part.id, '', part.providerMetadata);
    else if (part.type === 'reasoning-delta') this.#think(part.id, part.delta, part.providerMetadata);
    else if (
      part.type === 'text' ||
      part.type === 'text-start' ||
      part.type === 'text-delta' ||
      part.type === 'text-end'
    ) {
      if (part.providerMetadata !== undefined)
        this.#textData = merged(this.#textData, dataOf(part.providerMetadata));
    } else if (part.type === 'source') {
      if (part.sourceType === 'url')
        this.#annotations.push({
          type: 'url_citation',
          url_citation: { url: part.url, title: part.title ?? part.url },
        });
    } else if (part.type === 'file') {
      this.#images.push({ type: 'image_url', image_url: { url: urlOf(part) } });
    }
  }

  /** Everything gathered; `more` are fields of the answer that the dialect read by itself. */
  extras(more: AnswerExtras = {}): AnswerExtras {
    const signed = [...this.#reasoning.values()].some((part) => part.data !== undefined);
    const parts: readonly ReasoningPart[] = [...this.#reasoning.values()].map(({ text, data }) => ({
      text,
      ...(data === undefined ? {} : { providerData: data }),
    }));
    const providerData = merged(this.#textData, more.providerData);
    const extra: JsonObject = {
      ...(this.#annotations.length === 0 ? {} : { annotations: this.#annotations }),
      ...(this.#images.length === 0 ? {} : { images: this.#images }),
      ...more.extra,
    };
    return {
      ...(signed ? { reasoningParts: parts } : {}),
      ...(providerData === undefined ? {} : { providerData }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    };
  }

  #think(id: string, text: string, metadata: unknown): void {
    const before = this.#reasoning.get(id);
    this.#reasoning.set(id, {
      text: (before?.text ?? '') + text,
      data: merged(before?.data, dataOf(metadata)),
    });
  }
}
