/** Fields of Ollama's requests that our door for its clients takes along; no other dialect has them. */
export const ollamaFields = ['num_ctx', 'keep_alive', 'think', 'min_p', 'repeat_penalty'] as const;

/**
 * Fields of Anthropic's and Ollama's requests that our doors for their clients take along for upstreams that know them;
 * strict servers of OpenAI's kind answer them with an error.
 */
export const foreignFields = ['thinking', 'top_k', ...ollamaFields] as const;
