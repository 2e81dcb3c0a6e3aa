import { describe, expect, it } from 'vitest';
import type { Usage } from '../../protocol/index.ts';
import { costOf, highestCost, priceOf, withCost } from './model-cost.ts';
import { listedPrices } from './listed-prices.ts';
import { priceTable } from './price-table.ts';

describe('the price of a model', () => {
  it.each([
    ['openai', 'gpt-4o-mini', 0.15],
    ['openai', 'gpt-4o-mini-2024-07-18', 0.15],
    ['azure', 'gpt-4o-mini', 0.15],
    ['anthropic', 'claude-sonnet-4-5-20250929', 3],
    ['bedrock', 'global.anthropic.claude-sonnet-4-5-20250929-v1:0', 3],
    ['bedrock', 'anthropic.claude-3-7-sonnet-20250219-v1:0', 3],
    ['gemini', 'gemini-2.5-flash', 0.3],
    ['groq', 'openai/gpt-oss-120b', 0.15],
    ['deepseek', 'deepseek-flash', 0.3],
    ['cohere', 'command-r-08-2024', 0.15],
    ['mistral', 'mistral-large-2512', 0.5],
    ['xai', 'grok-4.5', 2],
    ['together', 'meta-llama/Llama-3.3-70B-Instruct-Turbo', 0.88],
  ])('%s/%s is known, whatever its release', (provider, model, input) => {
    expect(priceOf(provider, model, {})?.inputPerMillion).toBe(input);
  });

  it('of a regional place of Bedrock is a tenth higher', () => {
    const price = priceOf('bedrock', 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0', {});
    expect(price?.inputPerMillion).toBeCloseTo(3.3);
    expect(price?.cachedInputPerMillion).toBeCloseTo(0.33);
  });

  it('is unknown for models that merely bear a similar name, and for other providers', () => {
    expect(priceOf('openai', 'gpt-4o-mini-tts', {})).toBeUndefined();
    expect(priceOf('openai', 'ft:gpt-4o-mini:us:x', {})).toBeUndefined();
    expect(priceOf('openrouter', 'gpt-4o-mini', {})).toBeUndefined();
    expect(priceOf('vllm', 'llama', {})).toBeUndefined();
    expect(priceOf('openai', '__proto__', {})).toBeUndefined();
  });

  it.each(['ollama', 'local', 'lmstudio', 'offline'])('is 0 with %s: the own machine', (provider) => {
    expect(priceOf(provider, 'anything:7b', {})).toEqual({ inputPerMillion: 0, outputPerMillion: 0 });
  });

  it('is unknown where Ollama does not use the own machine', () => {
    expect(priceOf('ollama', 'gpt-oss:120b-cloud', {})).toBeUndefined();
    expect(priceOf('ollama', 'glm-4.6:cloud', {})).toBeUndefined();
  });

  it('is what the project says, before the table', () => {
    const own = {
      'gpt-4o': { inputPerMillion: 1, outputPerMillion: 1 },
      'mine/big': { inputPerMillion: 9, outputPerMillion: 9 },
      'ollama/llama3.2': { inputPerMillion: 2, outputPerMillion: 2 },
    };
    expect(priceOf('openai', 'gpt-4o', own)?.inputPerMillion).toBe(1);
    expect(priceOf('mine', 'big', own)?.inputPerMillion).toBe(9);
    expect(priceOf('other', 'big', own)).toBeUndefined();
    expect(priceOf('ollama', 'llama3.2', own)?.inputPerMillion).toBe(2);
  });
});

describe('the list', () => {
  it('has a source and a day for each provider, and prices that make sense', () => {
    for (const { source, asOf } of Object.values(listedPrices)) {
      expect(source).toMatch(/^https:/);
      expect(asOf).toMatch(/^2026-\d\d-\d\d$/);
    }
    for (const [name, price] of priceTable) {
      expect(price.inputPerMillion, name).toBeGreaterThan(0);
      expect(price.cachedInputPerMillion ?? 0, name).toBeLessThanOrEqual(price.inputPerMillion);
      for (const tier of price.tiers ?? [])
        expect(tier.inputPerMillion, name).toBeGreaterThan(price.inputPerMillion);
    }
  });
});

describe('the cost of a call', () => {
  const price = {
    inputPerMillion: 4,
    outputPerMillion: 20,
    cachedInputPerMillion: 1,
    cacheWritePerMillion: 5,
    tiers: [{ aboveInputTokens: 1_000_000, inputPerMillion: 8, outputPerMillion: 30 }],
  };

  it('tells input, cached input, written input and output apart', () => {
    const usage = { inputTokens: 1000, cachedInputTokens: 500, cacheWriteTokens: 200, outputTokens: 10 };
    expect(costOf(usage, price)).toBeCloseTo((300 * 4 + 500 * 1 + 200 * 5 + 10 * 20) / 1e6, 12);
  });

  it('takes cached input as other input where it has no price of its own', () => {
    const plain = { inputPerMillion: 4, outputPerMillion: 20 };
    expect(costOf({ inputTokens: 1000, cachedInputTokens: 400, outputTokens: 0 }, plain)).toBeCloseTo(
      0.004,
      12,
    );
  });

  it('is that of the tier for the whole request, from the first token beyond it', () => {
    expect(costOf({ inputTokens: 1_000_000, outputTokens: 0 }, price)).toBe(4);
    expect(costOf({ inputTokens: 1_000_001, outputTokens: 0 }, price)).toBeCloseTo(8.000008, 9);
  });

  it('is never more than the highest that was foreseen', () => {
    expect(highestCost(price, 1000, 10)).toBeCloseTo((1000 * 5 + 10 * 20) / 1e6, 12);
    expect(highestCost(price, 2_000_000, 0)).toBe(16);
    for (let inputTokens = 900_000; inputTokens < 1_200_000; inputTokens += 50_000) {
      const usage = { inputTokens, cacheWriteTokens: inputTokens, outputTokens: 100 };
      expect(costOf(usage, price)).toBeLessThanOrEqual(highestCost(price, inputTokens, 100));
    }
  });

  it('leaves a cost alone that the provider knows, and an unknown one null', () => {
    const of = (usage: Usage, provider: string, model: string) =>
      withCost(usage, priceOf(provider, model, {})).costUsd;
    expect(of({ inputTokens: 1, outputTokens: 1, costUsd: 0 }, 'openai', 'gpt-4o')).toBe(0);
    expect(of({ inputTokens: 1, outputTokens: 1, costUsd: null }, 'x', 'y')).toBeNull();
    expect(of({ inputTokens: 1, outputTokens: 1, costUsd: null }, 'ollama', 'y')).toBe(0);
    expect(
      of(
        { inputTokens: 1_000_000, cachedInputTokens: 1_000_000, outputTokens: 0, costUsd: null },
        'openai',
        'gpt-4o',
      ),
    ).toBe(1.25);
  });
});
