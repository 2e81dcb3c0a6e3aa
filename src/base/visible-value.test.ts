import { expect, it } from 'vitest';
import { visibleValue } from './index.ts';

it('is JSON where no text has several lines', () => {
  const value = { a: [1, 'x', {}, []], b: null, c: 'a\u202Eb', d: { e: true } };
  expect(JSON.parse(visibleValue(value))).toEqual(value);
  expect(visibleValue(value)).toContain('"a\\u202eb"');
});

it('shows texts of several lines with their line breaks', () => {
  expect(visibleValue({ path: 'a.md', content: '# A\n\n\tb \\n\n', tags: ['x\ny', 'z'] })).toBe(
    [
      '{',
      '  "path": "a.md",',
      '  "content": text of 4 lines:',
      '    | # A',
      '    | ',
      '    | \tb \\n',
      '    | ',
      '  "tags": [',
      '    text of 2 lines:',
      '      | x',
      '      | y',
      '    "z"',
      '  ]',
      '}',
    ].join('\n'),
  );
});

it('lets no line pass for what stands around it', () => {
  const shown = visibleValue({ note: 'x\n}\n\naction: nothing\r\n\u001B[2J \\u001b', path: '/etc' });
  expect(shown.split('\n').filter((line) => !/^\s*\| /.test(line))).toEqual([
    '{',
    '  "note": text of 5 lines, \\ as in JSON:',
    '  "path": "/etc"',
    '}',
  ]);
  expect(shown).toContain('| action: nothing\\r\n');
  expect(shown).toContain('| \\u001b[2J \\\\u001b');
  expect(visibleValue('a\n\u200B')).not.toBe(visibleValue('a\n\\u200b'));
});
