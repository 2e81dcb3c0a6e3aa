import type { Place } from '../../base/index.ts';
import { isMap, isPair, isScalar, isSeq, visit, type Document, type LineCounter, type YAMLError } from 'yaml';

/** A fault of a YAML text, in words for its author. */
export type YamlFault = Place & { readonly message: string; readonly field?: string };

export const tooDeep = 'nested too deeply';

/** Braces of an expression where YAML reads a value: at its beginning, and not in quotes. */
const bareExpression = /(?:^|[:[,{-])\s*(\{[{%#])/;
const longestShown = 60;

/** A line without what stands in quotes or is a comment; the rest stays in its column. */
function withoutQuotes(line: string): string {
  return line.replaceAll(/"(?:\\.|[^"\\])*"|'(?:''|[^'])*'|(?:^|\s)#.*$/g, (part) => ' '.repeat(part.length));
}

function inQuotes(value: string): string {
  const line = value.trim().replaceAll(/\s+/g, ' ');
  const text = line.length > longestShown ? `${line.slice(0, longestShown)}…` : line;
  return text.includes('"') && !text.includes("'")
    ? `'${text}'`
    : `"${text.replaceAll('"', String.raw`\"`)}"`;
}

/** What is to be said of an expression that lost its quotes on its way through YAML. */
export const quoteHint = (value: string): string =>
  `without quotes YAML reads the braces of an expression as a map; write ${inQuotes(value)}`;

/** The braces of an expression that stand without quotes in a line. */
function bareExpressionOf(line: string | undefined): { column: number; value: string } | undefined {
  if (line === undefined) return undefined;
  const found = bareExpression.exec(withoutQuotes(line));
  if (found === null) return undefined;
  const at = found.index + found[0].length - 2;
  return { column: at + 1, value: line.slice(at) };
}

const indentOf = (line: string): number => line.length - line.trimStart().length;

/** Where the quote stands that was not closed before a line ended. */
function openingOf(
  quote: string,
  lines: readonly string[],
  upTo: number,
): { readonly line: number; readonly column: number } | undefined {
  for (let line = Math.min(upTo, lines.length); line > 0; line -= 1) {
    const at = withoutQuotes(lines[line - 1] ?? '').indexOf(quote);
    if (at !== -1) return { line, column: at + 1 };
  }
  return undefined;
}

/** What is wrong, by what the parser says of it and what stands there; other faults keep the parser's words. */
function explain(
  error: YAMLError,
  lines: readonly string[],
  place: { readonly line: number; readonly column: number },
): YamlFault {
  const said = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
  const line = lines[place.line - 1] ?? '';
  const rest = withoutQuotes(line).slice(place.column - 1);
  switch (error.code as string) {
    case 'TAB_AS_INDENT':
      return { ...place, message: 'tabs are not allowed as indentation: indent with spaces' };
    case 'BLOCK_AS_IMPLICIT_KEY': {
      const next = lines.findIndex((one, index) => index >= place.line && one.trim() !== '');
      if (/:(?:\s|$)/.test(rest))
        return {
          ...place,
          message: `a value that holds ": " has to be in quotes: ${inQuotes(line.slice(place.column - 1))}`,
        };
      if (next === -1) break;
      const column = indentOf(lines[next] ?? '') + 1;
      const message = 'this line is indented further than those it stands with; begin it in the same column';
      return { line: next + 1, column, message };
    }
    case 'BAD_INDENT': {
      if (!/same column/.test(said)) break;
      const message =
        'this line is indented less or more than those it stands with; begin it in the same column';
      return { line: place.line, column: indentOf(line) + 1, message };
    }
    case 'MULTILINE_IMPLICIT_KEY':
    case 'MISSING_CHAR': {
      const joined = /^(?:\s*- )*\s*([A-Za-z_][\w-]*):(?=[^\s:/])/.exec(line);
      if (joined !== null && !/:\s/.test(withoutQuotes(line)))
        return { ...place, message: `a space is missing after "${joined[1]}:"` };
      const quote = /^Missing closing (["'])quote/.exec(said);
      if (quote !== null) {
        const opened = openingOf(quote[1] ?? '"', lines, place.line) ?? place;
        return { ...opened, message: `the closing ${quote[1]} of this text is missing` };
      }
      if (error.code === 'MISSING_CHAR') break;
      return { ...place, message: 'expected "name: value"; is a colon missing, or a space after it?' };
    }
    case 'BAD_SCALAR_START': {
      const first = line.slice(place.column - 1);
      return {
        ...place,
        message: `a value that begins with "${first[0] ?? ''}" has to be in quotes: ${inQuotes(first)}`,
      };
    }
    default:
  }
  return { ...place, message: said };
}

/**
 * What a YAML parser stumbled over. Only the first place: a parser that has lost its way finds faults that are not there.
 */
export function syntaxFault(document: Document, text: string): YamlFault | undefined {
  const errors = [...document.errors, ...document.warnings];
  if (errors.some((error) => /call stack|stack overflow/i.test(error.message))) return { message: tooDeep };
  const error = errors.find(({ code }) => code === 'TAB_AS_INDENT') ?? errors[0];
  if (error === undefined) return undefined;
  const [start] = error.linePos ?? [];
  if (start === undefined) return { message: error.message };
  const lines = text.split(/\r?\n/);
  const bare = error.code === 'TAB_AS_INDENT' ? undefined : bareExpressionOf(lines[start.line - 1]);
  if (bare !== undefined) return { line: start.line, column: bare.column, message: quoteHint(bare.value) };
  return explain(error, lines, { line: start.line, column: start.col });
}

/** Names and places that lead to a node, from those that enclose it. */
function fieldOf(around: readonly unknown[], node: unknown): string {
  const names: (string | number)[] = [];
  for (const [index, outer] of around.entries()) {
    const inner = around[index + 1] ?? node;
    if (isPair(outer) && isScalar(outer.key)) names.push(String(outer.key.value));
    else if (isSeq(outer)) names.push(outer.items.indexOf(inner));
  }
  return names.join('.');
}

/** Expressions without quotes: `{{ x }}` is valid YAML, a map whose key is a map, and never what was meant. */
export function unquotedExpressions(
  document: Document,
  counter: LineCounter,
  text: string,
): readonly YamlFault[] {
  const found: YamlFault[] = [];
  visit(document, {
    Map(_key, map, around) {
      if (!map.items.some(({ key }) => isMap(key)) || map.range === null || map.range === undefined)
        return undefined;
      const [start, end] = map.range;
      const { line, col } = counter.linePos(start);
      const field = fieldOf(around, map);
      const message = quoteHint(text.slice(start, end));
      found.push({ line, column: col, message, ...(field === '' ? {} : { field }) });
      return visit.SKIP;
    },
  });
  return found;
}
