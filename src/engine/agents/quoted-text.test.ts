import { expect, it } from 'vitest';
import { quotedText } from './quoted-text.ts';

it.each([
  ['one line', '> one line'],
  ['two\nlines', '> two\n> lines'],
  ['every\rsort\r\nof\u2028line\u2029end\u0085here', '> every\n> sort\n> of\n> line\n> end\n> here'],
  ['turned \u202eround\u2066 and hid\u200bden\u0007', '> turned round and hidden'],
  ['tabs\tstay', '> tabs\tstay'],
])('every line of %j is marked', (text, quoted) => {
  expect(quotedText(text)).toBe(quoted);
});
