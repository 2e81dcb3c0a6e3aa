/** USD per million tokens. */
export interface ModelPrice {
  readonly inputPerMillion: number;
  readonly outputPerMillion: number;
}

/**
 * List prices as the providers published them in November 2025, by provider and model. Deliberately small: a model that
 * is missing costs "unknown" until the project's `models.prices` names it.
 */
export const priceTable: Readonly<
  Record<string, readonly [inputPerMillion: number, outputPerMillion: number]>
> = {
  'openai/gpt-5.1': [1.25, 10],
  'openai/gpt-5': [1.25, 10],
  'openai/gpt-5-mini': [0.25, 2],
  'openai/gpt-5-nano': [0.05, 0.4],
  'openai/gpt-4.1': [2, 8],
  'openai/gpt-4.1-mini': [0.4, 1.6],
  'openai/gpt-4.1-nano': [0.1, 0.4],
  'openai/gpt-4o': [2.5, 10],
  'openai/gpt-4o-mini': [0.15, 0.6],
  'openai/o1': [15, 60],
  'openai/o3': [2, 8],
  'openai/o3-mini': [1.1, 4.4],
  'openai/o4-mini': [1.1, 4.4],
  'anthropic/claude-opus-4-5': [5, 25],
  'anthropic/claude-opus-4-1': [15, 75],
  'anthropic/claude-sonnet-4-5': [3, 15],
  'anthropic/claude-sonnet-4': [3, 15],
  'anthropic/claude-haiku-4-5': [1, 5],
  'anthropic/claude-3-7-sonnet': [3, 15],
  'anthropic/claude-3-5-haiku': [0.8, 4],
};
