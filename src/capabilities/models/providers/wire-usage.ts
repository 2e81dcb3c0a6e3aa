import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { FinishReason, Usage } from '../../../protocol/index.ts';
import type { WireShape } from '../provider.ts';

const count = (value: Json | undefined): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.trunc(value) : 0;

const within = (value: Json | undefined, name: string): number =>
  isJsonObject(value) ? count(value[name]) : 0;

function withDetails(
  tokens: { input: number; output: number },
  details: { cached: number; cacheWrite: number; reasoning: number },
): Usage {
  return {
    inputTokens: tokens.input,
    outputTokens: tokens.output,
    costUsd: null,
    ...(details.cached > 0 ? { cachedInputTokens: details.cached } : {}),
    ...(details.cacheWrite > 0 ? { cacheWriteTokens: details.cacheWrite } : {}),
    ...(details.reasoning > 0 ? { reasoningTokens: details.reasoning } : {}),
  };
}

/** `usage` of an answer in a wire shape as our own: the input counts what came from caches, the output what was thought. */
export function usageOfWire(shape: WireShape, usage: JsonObject): Usage {
  if (shape === 'anthropic-messages') {
    const cached = count(usage['cache_read_input_tokens']);
    const cacheWrite = count(usage['cache_creation_input_tokens']);
    return withDetails(
      { input: count(usage['input_tokens']) + cached + cacheWrite, output: count(usage['output_tokens']) },
      { cached, cacheWrite, reasoning: 0 },
    );
  }
  if (shape === 'openai-responses')
    return withDetails(
      { input: count(usage['input_tokens']), output: count(usage['output_tokens']) },
      {
        cached: within(usage['input_tokens_details'], 'cached_tokens'),
        cacheWrite: 0,
        reasoning: within(usage['output_tokens_details'], 'reasoning_tokens'),
      },
    );
  const input = count(usage['prompt_tokens']);
  const total = count(usage['total_tokens']);
  return withDetails(
    // Embeddings have a total and no output; some servers tell the total alone.
    { input: input === 0 ? total : input, output: count(usage['completion_tokens']) },
    {
      cached:
        within(usage['prompt_tokens_details'], 'cached_tokens') || count(usage['prompt_cache_hit_tokens']),
      cacheWrite: 0,
      reasoning: within(usage['completion_tokens_details'], 'reasoning_tokens'),
    },
  );
}

const reasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  completed: 'stop',
  length: 'length',
  max_tokens: 'length',
  max_output_tokens: 'length',
  model_length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  tool_use: 'tool-calls',
  content_filter: 'content-filter',
  refusal: 'content-filter',
};

/** A word of any wire shape for why a model stopped. */
export function finishReasonOfWire(word: Json | undefined): FinishReason | undefined {
  return typeof word === 'string' ? (reasons[word] ?? 'other') : undefined;
}
