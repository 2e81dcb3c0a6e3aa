import type { LanguageModelV4Usage } from '@ai-sdk/provider';
import { isJsonObject, type Json } from '../../../base/index.ts';

const numberOf = (...values: readonly (Json | undefined)[]): number | undefined =>
  values.find((value) => typeof value === 'number');

/** Usage of chat completions with what the servers count in places of their own. */
export function readOpenAIUsage(usage: unknown): LanguageModelV4Usage {
  const raw = isJsonObject(usage) ? usage : {};
  const input = isJsonObject(raw['prompt_tokens_details']) ? raw['prompt_tokens_details'] : {};
  const output = isJsonObject(raw['completion_tokens_details']) ? raw['completion_tokens_details'] : {};
  const prompt = numberOf(raw['prompt_tokens']) ?? 0;
  const written = numberOf(raw['completion_tokens']) ?? 0;
  // DeepSeek tells its cache beside the details; LiteLLM and Bedrock proxies use Anthropic's words.
  const cacheRead = numberOf(
    input['cached_tokens'],
    raw['prompt_cache_hit_tokens'],
    raw['cache_read_input_tokens'],
  );
  const cacheWrite = numberOf(
    input['cache_write_tokens'],
    input['cache_creation_tokens'],
    raw['cache_creation_input_tokens'],
  );
  const reasoning = numberOf(output['reasoning_tokens'], raw['reasoning_tokens']);
  // xAI counts the thinking apart from the answer; the total shows it.
  const apart = (reasoning ?? 0) > 0 && numberOf(raw['total_tokens']) === prompt + written + (reasoning ?? 0);
  const total = written + (apart ? (reasoning ?? 0) : 0);
  return {
    inputTokens: {
      total: prompt,
      noCache: Math.max(0, prompt - (cacheRead ?? 0)),
      cacheRead,
      cacheWrite,
    },
    outputTokens: { total, text: Math.max(0, total - (reasoning ?? 0)), reasoning },
    raw,
  };
}
