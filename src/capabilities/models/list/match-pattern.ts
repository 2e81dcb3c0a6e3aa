import { RE2JS } from 're2js';

/** A name with `*` in it, and what it takes. */
interface Pattern {
  readonly name: string;
  /** What each `*` stands for in a name, or `undefined` when the name does not fit. */
  readonly match: (name: string) => readonly string[] | undefined;
}

/** Is this the name of a pattern? */
export const isPattern = (name: string): boolean => name.includes('*');

function patternOf(name: string): Pattern {
  const parts = name.split('*');
  const [start = '', end = ''] = parts;
  if (parts.length === 2)
    return {
      name,
      match: (given) =>
        given.length >= start.length + end.length && given.startsWith(start) && given.endsWith(end)
          ? [given.slice(start.length, given.length - end.length)]
          : undefined,
    };
  // Several: in time that grows with the name alone, whoever asks for it.
  const expression = RE2JS.compile(parts.map((part) => RE2JS.quote(part)).join('(.*)'), RE2JS.DOTALL);
  return {
    name,
    match: (given) => {
      const matcher = expression.matcher(given);
      return matcher.matches()
        ? Array.from({ length: matcher.groupCount() }, (_, index) => matcher.group(index + 1) ?? '')
        : undefined;
    },
  };
}

/** Patterns of names, the most specific first: the longer one, then the one with more stars. */
export function sortedPatterns(names: readonly string[]): readonly Pattern[] {
  const stars = (name: string): number => name.split('*').length;
  return names
    .filter(isPattern)
    .toSorted((one, two) => two.length - one.length || stars(two) - stars(one) || (one < two ? -1 : 1))
    .map(patternOf);
}

/** The model that a pattern of a deployment stands for. What cannot be filled in is the name as it was asked for. */
export function fillPattern(model: string, captured: readonly string[], name: string): string {
  const pieces = model.split('*');
  if (captured.length > pieces.length - 1) return name;
  return pieces.reduce((text, piece, index) => `${text}${captured[index - 1] ?? '*'}${piece}`);
}
