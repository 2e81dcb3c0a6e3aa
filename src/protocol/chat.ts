import type { JsonObject } from '../base/index.ts';

/** A mark up to which a provider may keep what it has read; Anthropic's `cache_control`. */
export interface CacheMark {
  readonly type: 'ephemeral';
  readonly ttl?: '5m' | '1h';
}

/**
 * One part of what a user says. Images are `data:` or `https:` URLs; sound and PDF are files. In histories and journals the
 * URL may be `stored:<file id>` (see `run-file.ts`); what a model is sent holds the file's content instead.
 */
export type UserPart =
  | { readonly type: 'text'; readonly text: string; readonly cacheControl?: CacheMark }
  | {
      readonly type: 'image';
      readonly url: string;
      readonly detail?: 'low' | 'high' | 'auto';
      readonly cacheControl?: CacheMark;
    }
  | {
      readonly type: 'file';
      readonly url: string;
      readonly mimeType: string;
      readonly name?: string;
      readonly cacheControl?: CacheMark;
    };

/**
 * A stretch of a model's thinking. `providerData` is what its provider wants back with it, by dialect:
 * `{ anthropic: { signature } }`, `{ anthropic: { redactedData } }`; others leave it alone.
 */
export interface ReasoningPart {
  readonly text: string;
  readonly providerData?: JsonObject;
}

/** A model's wish to call a tool. `invalidArguments` holds the raw text when it was no JSON object. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: JsonObject;
  readonly invalidArguments?: string;
  /** What the provider wants back with the call, by dialect: `{ google: { thoughtSignature } }`. */
  readonly providerData?: JsonObject;
}

/** Where a quoted passage stands. */
export interface Citation {
  /** Stable id of the passage: `file.md#L12-L18`. */
  readonly id: string;
  readonly file: string;
  readonly heading: string;
  /** First line, counted from 1. */
  readonly line: number;
  readonly quote: string;
}

/** One message of a conversation as models see it, independent of any provider. */
export type ChatMessage =
  | { readonly role: 'system'; readonly content: string; readonly cacheControl?: CacheMark }
  | {
      readonly role: 'user';
      readonly content: string | readonly UserPart[];
      readonly name?: string;
      readonly cacheControl?: CacheMark;
    }
  | {
      readonly role: 'assistant';
      readonly content: string;
      /** Which member of a team said it, where one answers for the team. */
      readonly name?: string;
      readonly reasoning?: string;
      /** The same thinking in parts, with what its provider wants back; needed in the rounds of one tool loop. */
      readonly reasoningParts?: readonly ReasoningPart[];
      readonly toolCalls?: readonly ToolCall[];
      /** What else the provider wants back with its answer, by dialect. */
      readonly providerData?: JsonObject;
      readonly cacheControl?: CacheMark;
    }
  | {
      readonly role: 'tool';
      readonly toolCallId: string;
      readonly name: string;
      readonly content: string;
      readonly isError?: boolean;
      /** Images and files that belong to the result; providers that take only text leave them out. */
      readonly parts?: readonly UserPart[];
      readonly cacheControl?: CacheMark;
    };

/** Tokens of one or more model calls. Costs are USD, or `null` where no price is known; never 0 for unknown. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  /** Of the input, what the provider had in its own prompt cache. */
  readonly cachedInputTokens?: number;
  /** Of the input, what the provider put into its prompt cache. */
  readonly cacheWriteTokens?: number;
  /** Of the output, what the model thought. */
  readonly reasoningTokens?: number;
}

const details = ['cachedInputTokens', 'cacheWriteTokens', 'reasoningTokens'] as const;

export const noUsage: Usage = { inputTokens: 0, outputTokens: 0, costUsd: null };

/** Sum of two usages; a cost is known as soon as one part's is. */
export function addUsage(a: Usage, b: Usage): Usage {
  const known = details.flatMap((name) =>
    a[name] === undefined && b[name] === undefined ? [] : [[name, (a[name] ?? 0) + (b[name] ?? 0)] as const],
  );
  return {
    ...Object.fromEntries(known),
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    costUsd: a.costUsd === null && b.costUsd === null ? null : (a.costUsd ?? 0) + (b.costUsd ?? 0),
  };
}

/** Why a model stopped. */
export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'other';

/** The text of a user's message, its images and files left out. */
export function textOf(content: string | readonly UserPart[]): string {
  if (typeof content === 'string') return content;
  return content
    .filter((part) => part.type === 'text')
    .map((part) => part.text)
    .join('\n');
}
