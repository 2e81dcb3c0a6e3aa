import { describe, expect, it } from 'vitest';
import { priceOf, withCost } from './model-cost.ts';
import { retryAfterMs } from './provider-error.ts';
import { toToolCall } from './tool-arguments.ts';

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

describe('the time to wait before the next call', () => {
  it.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after-ms': '150', 'retry-after': '7' }, 150],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:01:00 GMT' }, 50_000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:01 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('%j', (headers, expected) => {
    expect(retryAfterMs(headers, 10_000)).toBe(expected);
  });
});

describe('arguments of a tool call', () => {
  it.each([
    ['', {}],
    ['{"a":1}', { a: 1 }],
    ['"{\\"a\\":1}"', { a: 1 }],
    [{ a: 1 }, { a: 1 }],
    [undefined, {}],
  ])('%j are read', (input, expected) => {
    expect(toToolCall({ id: '1', name: 'f', input })).toEqual({ id: '1', name: 'f', arguments: expected });
  });

  it.each(['[1]', '7', '{"a":', 'null and void'])('%s are kept as they came', (input) => {
    expect(toToolCall({ id: '1', name: 'f', input })).toMatchObject({
      arguments: {},
      invalidArguments: input,
    });
  });
});
