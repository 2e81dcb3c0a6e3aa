import { describe, expect, it } from 'vitest';
import { storable } from './storable.ts';

describe('storable', () => {
  it('leaves alone what any database takes', () => {
    const value = { text: 'ok ✓ 👩‍👩‍👧', list: [1, null, true, { deep: '\uFFFD' }], none: undefined };
    expect(storable(value)).toBe(value);
    expect(storable('plain')).toBe('plain');
    expect(storable(null)).toBeNull();
  });

  it('marks NUL and halves of characters, in names too, and copies only what changes', () => {
    const kept = { same: 1 };
    const value = { 'a\0': ['x\0y', '\ud83d!', kept], kept };
    const marked = storable(value);
    expect(marked).toEqual({ 'a\uFFFD': ['x\uFFFDy', '\uFFFD!', { same: 1 }], kept: { same: 1 } });
    expect(Object.values(marked)[1]).toBe(kept);
    expect(value['a\0'][0]).toBe('x\0y');
  });

  it('ends in a word where a value is nested beyond all reason', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    const kept = JSON.stringify(storable({ text: 'hello', deep }));
    expect(kept).toContain('"text":"hello"');
    expect(kept).toContain('[["[nested too deeply]"]]');
    const shallow: unknown = JSON.parse(`${'['.repeat(499)}${']'.repeat(499)}`);
    expect(storable(shallow)).toBe(shallow);
  });
});
