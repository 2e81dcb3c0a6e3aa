/** Why a provider refuses a request that is well formed. */
export type Refusal = 'context' | 'content';

/** What the providers write when a conversation is too long for the model; found in type, code or message. */
const contextWords: readonly RegExp[] = [
  // OpenAI, Azure, Groq, vLLM, DeepSeek, xAI
  /context[_ ](?:length|window|size)/i,
  /maximum (?:context|prompt|input) length/i,
  /string_above_max_length/i,
  /tokens exceeds? the configured limit/i,
  // vLLM, Together: `max_tokens` larger than what the prompt leaves
  /tokens? \+ `?max_(?:new_)?tokens`? must be|longer than the maximum model length/i,
  // Anthropic, also on Bedrock
  /prompt is too long|exceeds? (?:the )?context limit|exceed(?:s|ed)? .*context/i,
  // Google
  /token count .*exceeds the maximum number of tokens/i,
  // Bedrock
  /input is too long|too many input tokens|input (?:length|tokens) .*exceed/i,
  // Mistral
  /prompt contains \d+ tokens|too large for model with \d+ maximum context/i,
  // Cohere
  /too many tokens/i,
  // Groq: one request above the tokens that a minute may have (413)
  /request too large for model/i,
];

/** What the providers write when their policy forbids the content. */
const contentWords: readonly RegExp[] = [
  // OpenAI
  /content_policy|content policy|safety system|moderation_blocked/i,
  /flagged .*(?:violat|usage polic|moderation)|invalid_prompt|violat\w+ (?:our|the) usage polic/i,
  // Azure
  /content_filter|content filter|content management policy|ResponsibleAIPolicyViolation/i,
  // Anthropic, also on Bedrock
  /blocked by content filtering/i,
  // Google
  /PROHIBITED_CONTENT|blocked? (?:due to|because of|for) .*safety|blockReason/i,
  // Bedrock
  /guardrail_intervened|blocked by (?:the )?guardrail/i,
  // DeepSeek, xAI, OpenRouter, Alibaba
  /content exists risk|violates usage guidelines|requires moderation|input was flagged|data_inspection_failed/i,
];

/** Which of the two refusals the words of an error speak of, or `undefined`. */
export function refusalOf(words: string): Refusal | undefined {
  if (contentWords.some((pattern) => pattern.test(words))) return 'content';
  return contextWords.some((pattern) => pattern.test(words)) ? 'context' : undefined;
}
