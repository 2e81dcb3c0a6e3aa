import type { Chunk } from '../channel-adapter.ts';
import { parseMarkdown } from '../markup/parse-markdown.ts';
import { splitRuns } from '../markup/split-runs.ts';
import { plainText, type StyledRun, type TextStyle } from '../markup/styled-run.ts';

/** Shows as nothing; keeps two marks apart that would be read as one. */
const gap = '\u200B';
const marked = /[\\*_~`|[\]<>#-]/g;
const markedCodes = new Set(Array.from('\\*_~`|[]<>#-', (character) => character.charCodeAt(0)));
const address = /https?:\/\/[^\s<>*]+/g;

/** Markdown in Discord's dialect, in chunks of at most `limit` UTF-16 units, marks and escapes counted. */
export function renderDiscord(markdown: string, limit: number): readonly Chunk[] {
  const costs = {
    unit: (code: number) => (markedCodes.has(code) ? 2 : 1),
    tags: (style: TextStyle) => longestMarks(style),
  };
  return splitRuns(parseMarkdown(markdown), { limit, costs }).map((runs) => ({
    body: toDiscord(runs),
    plain: plainText(runs),
  }));
}

/** Upper bound of what a run of this style grows by, escapes aside. */
function longestMarks(style: TextStyle): number {
  if (style.block !== undefined) return 9 + style.block.language.length;
  const quote = style.quote ? 2 : 0;
  if (style.code) return quote + 7;
  const emphasis = (style.bold ? 4 : 0) + (style.italic ? 2 : 0) + (style.strike ? 4 : 0);
  const link = style.link === undefined ? 0 : linkAddress(style.link).length + 4;
  return quote + emphasis + link + gap.length;
}

function toDiscord(runs: readonly StyledRun[]): string {
  let body = '';
  for (const { text, style } of runs) {
    const atLineStart = body === '' || body.endsWith('\n');
    const quote = style.quote && atLineStart && text !== '\n' ? '> ' : '';
    const shown = styled(text, style, atLineStart);
    const touching = quote === '' && /[*_~`]$/.test(body) && /^[*_~`]/.test(shown);
    body += quote + (touching ? gap : '') + shown;
  }
  return body;
}

function styled(text: string, style: TextStyle, atLineStart: boolean): string {
  if (style.block !== undefined) {
    // Discord knows no longer fence: one within the code is taken apart.
    const code = text.replaceAll('``', `\`${gap}\``);
    return `\`\`\`${style.block.language}\n${code}\n\`\`\``;
  }
  // Marks that touch white space are no marks.
  const [, before = '', inner = '', after = ''] = /^(\s*)([^]*?)(\s*)$/.exec(text) ?? [];
  if (inner === '') return text;
  return `${before}${withMarks(inner, style, atLineStart && before === '')}${after}`;
}

function withMarks(text: string, style: TextStyle, atLineStart: boolean): string {
  let shown = style.code ? inlineCode(text) : escaped(text, atLineStart && !hasMarks(style));
  if (style.link !== undefined && !style.code) {
    const target = linkAddress(style.link);
    // Discord shows no link whose words look like an address.
    if (style.link === text) shown = target;
    else if (/https?:\/\//i.test(text)) shown = `${shown} (${target})`;
    else shown = `[${shown}](${target})`;
  }
  if (style.strike) shown = `~~${shown}~~`;
  if (style.italic) shown = `*${shown}*`;
  return style.bold ? `**${shown}**` : shown;
}

function hasMarks(style: TextStyle): boolean {
  return style.bold === true || style.italic === true || style.strike === true || style.link !== undefined;
}

function inlineCode(text: string): string {
  if (!text.includes('`')) return `\`${text}\``;
  return `\`\` ${text.replaceAll('``', `\`${gap}\``)} \`\``;
}

/** What would be read as a mark, with a backslash before it; addresses stay whole. */
function escaped(text: string, atLineStart: boolean): string {
  let shown = '';
  let from = 0;
  for (const found of text.matchAll(address)) {
    shown += escapedWords(text.slice(from, found.index)) + found[0];
    from = found.index + found[0].length;
  }
  shown += escapedWords(text.slice(from));
  return atLineStart ? shown.replace(/^(?:[#>-])/, (mark) => `\\${mark}`) : shown;
}

function escapedWords(text: string): string {
  return text.replaceAll(marked, (mark) => (/[#>-]/.test(mark) ? mark : `\\${mark}`));
}

function linkAddress(link: string): string {
  return link.replaceAll(/[()\s]/g, (character) =>
    encodeURIComponent(character).replace('(', '%28').replace(')', '%29'),
  );
}
