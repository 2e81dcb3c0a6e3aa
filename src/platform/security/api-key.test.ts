import { describe, expect, it } from 'vitest';
import { hintOf, lookupOf, mintApiKey, requireLookup } from './api-key.ts';

describe('API keys', () => {
  it('have a public part, 256 random bits and a checksum', () => {
    const key = mintApiKey();
    expect(key).toMatch(/^a33_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$/);
    expect(lookupOf(key)).toBe(key.slice(4, 12));
    expect(mintApiKey()).not.toBe(key);
  });

  it('are refused without a look into the database when one character is wrong', () => {
    const key = mintApiKey();
    for (const at of [4, 13, 30, key.length - 1]) {
      const other = key[at] === 'x' ? 'y' : 'x';
      expect(lookupOf(key.slice(0, at) + other + key.slice(at + 1)), String(at)).toBeUndefined();
    }
  });

  it('may be given by an operator, who gets one public part for one key', () => {
    const key = `a33_${'operator-key_'.repeat(2)}`;
    expect(lookupOf(key)).toMatch(/^sha256:[0-9a-f]{16}$/);
    expect(lookupOf(key)).toBe(requireLookup(key));
    expect(lookupOf(`${key}2`)).not.toBe(lookupOf(key));
  });

  it.each([
    '',
    'a33_',
    'a33_short',
    `a33_${'x'.repeat(19)}`,
    `a33_${'x'.repeat(253)}`,
    `A33_${'x'.repeat(30)}`,
    `a33_${'x'.repeat(30)} `,
  ])('%j is none', (text) => {
    expect(lookupOf(text)).toBeUndefined();
    expect(() => requireLookup(text)).toThrow(/AGENT33_BOOTSTRAP_KEY/);
  });

  it('are hinted at without their secret', () => {
    const key = mintApiKey();
    expect(hintOf(lookupOf(key) ?? '')).toBe(`${key.slice(0, 13)}…`);
    expect(hintOf(lookupOf(`a33_${'s'.repeat(30)}`) ?? '')).toBe('a33_…');
  });
});
