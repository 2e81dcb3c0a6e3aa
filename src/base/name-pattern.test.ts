import { expect, it } from 'vitest';
import { fitsPattern } from './name-pattern.ts';

it.each([
  ['gpt-5', 'gpt-5', true],
  ['gpt-5', 'gpt-5-mini', false],
  ['gpt-*', 'gpt-5-mini', true],
  ['gpt-*', 'gpt-', true],
  ['*', '', true],
  ['*', 'anything/at:all', true],
  ['openai/*-mini', 'openai/gpt-5-mini', true],
  ['openai/*-mini', 'openai/gpt-5', false],
  ['a*a', 'a', false],
  ['*b*b*', 'ab', false],
  ['*b*b*', 'abcb', true],
  ['a.c', 'abc', false],
])('%s and %s: %s', (pattern, name, fits) => {
  expect(fitsPattern(pattern, name)).toBe(fits);
});
