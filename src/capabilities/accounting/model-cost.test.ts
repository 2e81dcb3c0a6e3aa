import { describe, expect, it } from 'vitest';
import { priceOf, withCost } from './model-cost.ts';

describe('the price of a model', () => {
  it.each([
    ['openai', 'gpt-4o-mini', 0.15],
    ['openai', 'gpt-4o-mini-2024-07-18', 0.15],
    ['anthropic', 'claude-sonnet-4-5-20250929', 3],
  ])('%s/%s is known, whatever its release', (provider, model, input) => {
    expect(priceOf(provider, model, {})?.inputPerMillion).toBe(input);
  });

  it('is unknown for models that merely bear a similar name, and for other providers', () => {
    expect(priceOf('openai', 'gpt-4o-mini-tts', {})).toBeUndefined();
    expect(priceOf('ollama', 'gpt-4o-mini', {})).toBeUndefined();
  });

  it('is what the project says, before the table', () => {
    const own = {
      'gpt-4o': { inputPerMillion: 1, outputPerMillion: 1 },
      'mine/big': { inputPerMillion: 9, outputPerMillion: 9 },
    };
    expect(priceOf('openai', 'gpt-4o', own)?.inputPerMillion).toBe(1);
    expect(priceOf('mine', 'big', own)?.inputPerMillion).toBe(9);
    expect(priceOf('other', 'big', own)).toBeUndefined();
  });

  it('leaves a cost alone that the provider knows, and an unknown one null', () => {
    expect(withCost({ inputTokens: 1, outputTokens: 1, costUsd: 0 }, 'openai', 'gpt-4o', {}).costUsd).toBe(0);
    expect(withCost({ inputTokens: 1, outputTokens: 1, costUsd: null }, 'x', 'y', {}).costUsd).toBeNull();
  });
});
