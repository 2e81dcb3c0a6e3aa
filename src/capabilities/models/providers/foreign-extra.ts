import type { LanguageModelV4CallOptions } from '@ai-sdk/provider';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import { ollamaFields } from './foreign-fields.ts';

/** Fields of OpenAI's requests that no other dialect has a counterpart for, or that stand in our own request. */
export const openAIOnly: ReadonlySet<string> = new Set([
  'audio',
  'frequency_penalty',
  'function_call',
  'functions',
  'logit_bias',
  'logprobs',
  'max_tokens',
  'messages',
  'modalities',
  'n',
  'prediction',
  'presence_penalty',
  'prompt_cache_key',
  'prompt_cache_retention',
  'response_format',
  'safety_identifier',
  'store',
  'stream',
  'stream_options',
  'temperature',
  'tool_choice',
  'top_logprobs',
  'verbosity',
  'web_search_options',
]);

/** Nor do they have the words of Ollama. */
const notTheirs: ReadonlySet<string> = new Set([...openAIOnly, ...ollamaFields]);

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

/** Extended thinking as Anthropic's API has it. */
export interface Thinking {
  readonly type: string;
  readonly budgetTokens?: number;
}

/** What a dialect that is not OpenAI's makes of `ModelRequest.extra`. */
export interface ForeignExtra {
  /** What the AI SDK has words for. */
  readonly options: Partial<LanguageModelV4CallOptions>;
  /** `thinking` of Anthropic's API. */
  readonly thinking?: Thinking;
  /** Who asks, from `user` or `metadata.user_id`. */
  readonly userId?: string;
  /** False when only one tool may be called at a time. */
  readonly parallelToolCalls?: boolean;
  readonly serviceTier?: string;
  /** Fields of the provider's own, by wire name. */
  readonly rest: JsonObject;
}

function readThinking(value: Json | undefined): Thinking | undefined {
  if (!isJsonObject(value) || typeof value['type'] !== 'string') return undefined;
  const budget = value['budget_tokens'] ?? value['budgetTokens'];
  return { type: value['type'], ...(typeof budget === 'number' ? { budgetTokens: budget } : {}) };
}

/** Reads `extra` for a dialect that is not OpenAI's: what clients of OpenAI say is translated or left out. */
export function readForeignExtra(extra: JsonObject | undefined, maxTokens: number | undefined): ForeignExtra {
  const {
    max_completion_tokens: limit,
    metadata,
    parallel_tool_calls: parallel,
    reasoning_effort: effort,
    service_tier: tier,
    thinking: wantedThinking,
    top_k: topK,
    user,
    ...others
  } = extra ?? {};
  const reasoning = efforts.find((one) => one === effort);
  const thinking = readThinking(wantedThinking);
  const userId = isJsonObject(metadata) ? (metadata['user_id'] ?? user) : user;
  return {
    options: {
      ...(typeof topK === 'number' ? { topK } : {}),
      ...(typeof limit === 'number' && maxTokens === undefined ? { maxOutputTokens: limit } : {}),
      ...(reasoning === undefined || thinking !== undefined ? {} : { reasoning }),
    },
    ...(thinking === undefined ? {} : { thinking }),
    ...(typeof userId === 'string' ? { userId } : {}),
    ...(typeof parallel === 'boolean' ? { parallelToolCalls: parallel } : {}),
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
    rest: Object.fromEntries(Object.entries(others).filter(([name]) => !notTheirs.has(name))),
  };
}
