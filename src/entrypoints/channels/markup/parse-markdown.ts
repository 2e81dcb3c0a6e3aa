import { parseInline } from './parse-inline.ts';
import type { StyledRun, TextStyle } from './styled-run.ts';

const fenceLine = /^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*$/;
const headingLine = /^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/;
const bulletLine = /^(\s*)[-*+][ \t]+(.*)$/;
const quoteLine = /^ {0,3}>[ \t]?(.*)$/;
const tableLine = /^ {0,3}\|.*\|[ \t]*$/;
const maxLanguageLength = 40;

/**
 * Markdown, as models write it, as styled runs: emphasis, code, fenced code, links, headings, lists, quotes and tables
 * (as a code block). Anything else is text. Takes linear time and never throws.
 */
export function parseMarkdown(markdown: string): readonly StyledRun[] {
  const runs: StyledRun[] = [];
  const lines = markdown.replaceAll(/\r\n?/g, '\n').split('\n');
  let index = 0;
  const newline = (style: TextStyle = {}): void => {
    if (runs.length > 0) runs.push({ text: '\n', style });
  };
  while (index < lines.length) {
    const line = lines[index] ?? '';
    const fence = fenceLine.exec(line);
    if (fence !== null) {
      const end = closingFence(lines, index + 1, fence[1] ?? '```');
      newline();
      pushBlock(runs, lines.slice(index + 1, end), fence[2] ?? '');
      index = end + 1;
    } else if (tableLine.test(line)) {
      let end = index;
      while (end < lines.length && tableLine.test(lines[end] ?? '')) end += 1;
      newline();
      pushBlock(runs, lines.slice(index, end), '');
      index = end;
    } else {
      const quote = quoteLine.exec(line);
      const continued = quote !== null && quoteLine.test(lines[index - 1] ?? '');
      newline(continued ? { quote: true } : {});
      for (const run of parseLine(quote?.[1] ?? line, quote === null ? {} : { quote: true })) runs.push(run);
      index += 1;
    }
  }
  return runs.filter((run) => run.text !== '');
}

function parseLine(line: string, style: TextStyle): readonly StyledRun[] {
  const heading = headingLine.exec(line);
  if (heading !== null)
    return parseInline(heading[1] ?? '', style).map((run) => ({
      ...run,
      style: { ...run.style, bold: true },
    }));
  const bullet = bulletLine.exec(line);
  if (bullet !== null) {
    return [{ text: `${bullet[1] ?? ''}• `, style }, ...parseInline(bullet[2] ?? '', style)];
  }
  return parseInline(line, style);
}

function closingFence(lines: readonly string[], from: number, opening: string): number {
  const character = opening[0] ?? '`';
  for (let index = from; index < lines.length; index += 1) {
    const line = (lines[index] ?? '').trim();
    if (line.length >= opening.length && line === character.repeat(line.length)) return index;
  }
  return lines.length;
}

function pushBlock(runs: StyledRun[], lines: readonly string[], language: string): void {
  const named = /^[\w+#.-]+$/.test(language) && language.length <= maxLanguageLength ? language : '';
  const text = lines.join('\n');
  if (text.trim() !== '') runs.push({ text, style: { block: { language: named } } });
}
