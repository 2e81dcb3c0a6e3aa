/**
 * Fields of Anthropic's and Ollama's requests that our doors for their clients take along for upstreams that know them;
 * strict servers of OpenAI's kind answer them with an error.
 */
export const foreignFields = [
  'thinking',
  'top_k',
  'min_p',
  'repeat_penalty',
  'num_ctx',
  'keep_alive',
  'think',
] as const;
