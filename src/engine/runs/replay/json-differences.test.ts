import { describe, expect, it } from 'vitest';
import { differenceText, jsonDifferences } from './json-differences.ts';

describe('jsonDifferences', () => {
  it.each([
    ['equal values', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['another order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['a value', { a: { b: 1 } }, { a: { b: 2 } }, [{ path: 'a.b', before: 1, after: 2 }]],
    ['a type', { a: '1' }, { a: 1 }, [{ path: 'a', before: '1', after: 1 }]],
    ['a list that grew', [1], [1, 2], [{ path: '[1]', after: 2 }]],
    ['a field that went', { a: 1, b: 2 }, { a: 1 }, [{ path: 'b', before: 2 }]],
    ['null for an object', { a: null }, { a: {} }, [{ path: 'a', before: null, after: {} }]],
    ['the whole', 'x', ['x'], [{ path: '', before: 'x', after: ['x'] }]],
  ])('finds %s', (_name, before, after, expected) => {
    expect(jsonDifferences(before, after)).toEqual(expected);
  });

  it('stays small however much differs', () => {
    const many = (offset: number) => Array.from({ length: 1000 }, (_, index) => index + offset);
    expect(jsonDifferences(many(0), many(1))).toHaveLength(20);
    const [long] = jsonDifferences(`${'x'.repeat(10_000)}A`, `${'x'.repeat(10_000)}B`);
    expect(JSON.stringify(long).length).toBeLessThan(1500);
    expect(long).toMatchObject({ before: expect.stringMatching(/A$/), after: expect.stringMatching(/B$/) });
  });

  it('tells a difference in one line, near the place', () => {
    expect(differenceText({ path: 'a', before: 1 })).toBe('a: 1 → nothing');
    const common = 'word '.repeat(50);
    const line = differenceText({ path: '[0]', before: `${common}one`, after: `${common}two` });
    expect(line).toMatch(/^\[0\]: "….*one" → "….*two"$/);
    expect(line.length).toBeLessThan(120);
  });
});
