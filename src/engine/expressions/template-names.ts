import { didYouMean } from '../../base/index.ts';
import { templateFilters } from './template-filters.ts';
import type { TemplatePart, Token } from './template-tokens.ts';

const split = (names: string): readonly string[] => names.split(' ');

/** Filters of the engine and of ours, by name. */
export const filterNames: readonly string[] = [
  ...split(
    'abs attr batch bool capitalize chain count d default dictsort e escape filesizeformat first float groupby indent int items join last length lines list lower map max min pluralize pprint reject rejectattr replace reverse round safe select selectattr slice sort split striptags string sum title tojson trim truncate unique upper',
  ),
  ...Object.keys(templateFilters),
];

/** Tests of the engine: what stands after `is`. */
export const testNames: readonly string[] = split(
  'boolean defined divisibleby endingwith eq equalto escaped even false filter float ge greaterthan gt in integer iterable le lessthan lower lt mapping ne none number odd safe sameas sequence startingwith string test true undefined upper',
);

/** Functions that expressions may call. */
export const functionNames: readonly string[] = split('dict namespace range');

const signs = new Set(['==', '!=', '<', '>', '<=', '>=']);

/** Functions that a template has without making them, or makes itself. */
function ownFunctions(parts: readonly TemplatePart[]): Set<string> {
  const names = new Set(['caller', 'loop', 'super']);
  for (const { kind, tokens } of parts)
    if (kind === 'statement' && tokens[0]?.value === 'macro') names.add(tokens[1]?.value ?? '');
  return names;
}

function faultAt(tokens: readonly Token[], at: number, own: ReadonlySet<string>): string | undefined {
  const token = tokens[at];
  if (token?.kind !== 'name') return undefined;
  const { value } = token;
  const before = tokens[at - 1];
  const isTest =
    (before?.kind === 'name' && before.value === 'is' && value !== 'not') ||
    (before?.kind === 'name' &&
      before.value === 'not' &&
      tokens[at - 2]?.kind === 'name' &&
      tokens[at - 2]?.value === 'is');
  const inFilter = before?.kind === 'sign' && before.value === '|';
  if (inFilter)
    return filterNames.includes(value)
      ? undefined
      : `there is no filter "${value}"${didYouMean(value, filterNames)}`;
  if (isTest)
    return testNames.includes(value) || signs.has(value)
      ? undefined
      : `there is no test "${value}"${didYouMean(value, testNames)}`;
  const called = tokens[at + 1]?.kind === 'sign' && tokens[at + 1]?.value === '(';
  const attribute = before?.kind === 'sign' && before.value === '.';
  if (!called || keywords.has(value) || own.has(value) || functionNames.includes(value)) return undefined;
  if (attribute)
    return `values have no methods such as "${value}": take a filter${didYouMean(value, filterNames)}`;
  return `there is no function "${value}"${didYouMean(value, functionNames)}`;
}

const keywords = new Set('and or not in is if else elif'.split(' '));

/** A filter, test or function that a template uses and that there is not. */
export function unknownName(parts: readonly TemplatePart[]): string | undefined {
  const own = ownFunctions(parts);
  for (const { kind, tokens } of parts) {
    const word = kind === 'statement' ? tokens[0]?.value : undefined;
    if (word === 'macro') continue;
    for (let at = word === undefined ? 0 : 1; at < tokens.length; at += 1) {
      // `{% filter upper %}` and `{% call name(…) %}` name what they use first.
      const fault = faultAt(tokens, at, own);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}
