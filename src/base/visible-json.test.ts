import { describe, expect, it } from 'vitest';
import { visibleJson, visibleLine } from './index.ts';

describe('visibleJson', () => {
  it.each([
    ['a right-to-left override', 'pay\u202Egnp.exe', '"pay\\u202egnp.exe"'],
    ['a zero-width space', 'a\u200Bb', '"a\\u200bb"'],
    ['a line separator', 'a\u2028b', '"a\\u2028b"'],
    ['a space that is none', 'a\u00A0b', '"a\\u00a0b"'],
    ['a tag character beyond the basic plane', 'a\u{E0041}b', '"a\\udb40\\udc41b"'],
    ['a terminal escape', '\u001B[2J', '"\\u001b[2J"'],
    ['ordinary text in any script', 'größe 漢字 👍', '"größe 漢字 👍"'],
  ])('shows %s', (_what, value, shown) => {
    expect(visibleJson(value)).toBe(shown);
    expect(JSON.parse(visibleJson(value))).toBe(value);
  });

  it('keeps the lines of nested values', () => {
    expect(visibleJson({ a: [1, 'x\ny'] })).toBe('{\n  "a": [\n    1,\n    "x\\ny"\n  ]\n}');
  });
});

describe('visibleLine', () => {
  it('is one line without control characters, cut by characters', () => {
    expect(visibleLine(' a\n\tb\u001B[31m\u202Ec ', 20)).toBe('a b [31m c');
    expect(visibleLine('👍👍👍👍', 3)).toBe('👍👍…');
  });
});
