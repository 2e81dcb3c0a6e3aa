import type { TemplatePart } from './template-tokens.ts';

/** How other languages write what Jinja writes otherwise. */
const others: readonly (readonly [sign: RegExp, hint: string])[] = [
  [/&&/, 'write "and" for "&&"'],
  [/\|\|/, 'write "or" for "||"'],
  [/!(?!=)/, 'write "not" for "!"'],
  [/\?\?/, 'write |default(…) for "??"'],
  [/\?/, 'write "a if condition else b" for "condition ? a : b"'],
  [/=>/, 'there are no functions; take a filter such as map or select'],
];

/** What of an expression that is no Jinja comes from another language, with how it is written here. */
export function syntaxHint(reason: string, text: string, parts: readonly TemplatePart[]): string {
  if (!reason.startsWith('syntax error')) return '';
  if (reason.includes('unexpected `=`')) return ' — write "==" to compare';
  const expressions = parts
    .filter((part) => part.kind !== 'text')
    .map((part) => text.slice(part.start, part.end).replaceAll(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, '""'))
    .join(' ');
  const found = others.find(([sign]) => sign.test(expressions));
  return found === undefined ? '' : ` — ${found[1]}`;
}
