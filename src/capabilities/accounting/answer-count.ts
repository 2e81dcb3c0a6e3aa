import type { JsonObject } from '../../base/index.ts';

const names = ['n', 'best_of', 'candidate_count', 'candidateCount', 'num_return_sequences'] as const;

/**
 * How many answers a request pays for, each as long as its bound allows: `n` for chat, for old completions that many for
 * each prompt. Texts count as the numbers that lenient servers read in them.
 */
export function answerCount(fields: JsonObject): number {
  const { prompt } = fields;
  let most = 1;
  for (const name of names) {
    const asked = Math.ceil(Number(fields[name] ?? 1));
    if (Number.isFinite(asked)) most = Math.max(most, asked);
  }
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1;
  return most * Math.max(1, prompts);
}
