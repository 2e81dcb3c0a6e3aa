import type { Chunk } from '../channel-adapter.ts';
import { parseMarkdown } from '../markup/parse-markdown.ts';
import { splitRuns } from '../markup/split-runs.ts';
import { plainText, type StyledRun, type TextStyle } from '../markup/styled-run.ts';

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escapeLengths = new Map(
  Object.entries(escapes).map(([character, escape]) => [character.charCodeAt(0), escape.length]),
);
/** Shows nothing, and keeps a mark of the text from being read as markup. */
const zeroWidth = '\u200B';
const marks = new Set(['*', '_', '~', '`'].map((character) => character.charCodeAt(0)));
const address = /https?:\/\/[^\s<>]+/g;
const fence = '```';

/** Markdown as Slack's mrkdwn in chunks of at most `limit` UTF-16 units, marks and escapes counted. */
export function renderSlackMrkdwn(markdown: string, limit: number): readonly Chunk[] {
  const costs = {
    unit: (code: number) => escapeLengths.get(code) ?? (marks.has(code) ? 2 : 1),
    tags: costOf,
  };
  return splitRuns(parseMarkdown(markdown), { limit, costs }).map((runs) => ({
    body: toMrkdwn(runs),
    plain: plainText(runs),
  }));
}

/** A text as Slack shows it letter by letter. */
export function escapeSlack(text: string): string {
  return text.replaceAll(/[&<>]/g, (character) => escapes[character] ?? character);
}

/** The most that `toMrkdwn` adds around a run of this style. */
function costOf(style: TextStyle): number {
  if (style.block !== undefined) return 2 * fence.length + 3;
  const quote = style.quote ? 2 : 0;
  if (style.code) return quote + 4;
  const link = style.link === undefined ? 0 : linkTarget(style.link).length + 3;
  return quote + link + marksOf(style).length * 2 + 2;
}

function toMrkdwn(source: readonly StyledRun[]): string {
  const runs = joined(source);
  let text = '';
  for (const [index, run] of runs.entries()) {
    const { style } = run;
    if (style.block !== undefined) {
      if (text !== '' && !text.endsWith('\n')) text += '\n';
      text += `${fence}\n${codeText(run.text)}\n${fence}`;
      continue;
    }
    if (style.quote === true && (text === '' || text.endsWith('\n'))) text += '> ';
    const shown = styled(run, text.at(-1) ?? '', runs[index + 1]?.text[0] ?? '');
    text += style.quote === true ? shown.replaceAll('\n', '\n> ') : shown;
  }
  return text;
}

/** The text of a code block, with nothing in it that would end the block. */
function codeText(text: string): string {
  return escapeSlack(text).replaceAll(/`{3,}/g, (ticks) => Array.from(ticks).join(zeroWidth));
}

/** Neighbours in one style as one run: whether a mark is harmless is seen by what stands beside it. */
function joined(runs: readonly StyledRun[]): readonly StyledRun[] {
  const whole: StyledRun[] = [];
  for (const run of runs) {
    const last = whole.at(-1);
    const same = last !== undefined && run.style.block === undefined && sameStyle(last.style, run.style);
    if (same) whole[whole.length - 1] = { text: last.text + run.text, style: run.style };
    else whole.push(run);
  }
  return whole;
}

function sameStyle(one: TextStyle, other: TextStyle): boolean {
  const names = ['quote', 'bold', 'italic', 'strike', 'code', 'link', 'block'] as const;
  return names.every((name) => one[name] === other[name]);
}

/** A run with its marks. Slack reads a mark only at the edge of a word, so one within a word gets an edge. */
function styled({ text, style }: StyledRun, before: string, after: string): string {
  if (style.code === true)
    return text.includes('`') ? escapeText(text) : around('`', escapeSlack(text), before, after);
  const inner = text.trim();
  if (inner === '') return text;
  const lead = text.slice(0, text.indexOf(inner));
  const trail = text.slice(lead.length + inner.length);
  const shown =
    style.link === undefined ? escapeText(inner) : `<${linkTarget(style.link)}|${escapeSlack(inner)}>`;
  // A mark of the text would end a style of its own kind too early.
  const used = marksOf(style).filter((mark) => !inner.includes(mark));
  if (used.length === 0) return lead + shown + trail;
  const left = lead === '' && isWord(before) ? zeroWidth : '';
  const right = trail === '' && isWord(after) ? zeroWidth : '';
  return [lead, left, ...used, shown, ...used.toReversed(), right, trail].join('');
}

function around(mark: string, text: string, before: string, after: string): string {
  return `${isWord(before) ? zeroWidth : ''}${mark}${text}${mark}${isWord(after) ? zeroWidth : ''}`;
}

/** Marks of a style, outermost first. */
function marksOf({ bold, italic, strike }: TextStyle): readonly string[] {
  return [...(bold ? ['*'] : []), ...(italic ? ['_'] : []), ...(strike ? ['~'] : [])];
}

/** Text between addresses has its marks disarmed; addresses stay as they are, or they would lead elsewhere. */
function escapeText(text: string): string {
  let shown = '';
  let from = 0;
  for (const { 0: link, index } of text.matchAll(address)) {
    shown += disarm(text.slice(from, index)) + escapeSlack(link);
    from = index + link.length;
  }
  return shown + disarm(text.slice(from));
}

/** A mark within a word, or with a blank on both sides, is none for Slack; names like `snake_case` stay untouched. */
function disarm(text: string): string {
  return escapeSlack(text).replaceAll(/[*_~`]/g, (mark, at: number, whole: string) => {
    const before = whole[at - 1] ?? '';
    const after = whole[at + 1] ?? '';
    const harmless = (isWord(before) && isWord(after)) || (before.trim() === '' && after.trim() === '');
    return harmless && before !== '' && after !== '' ? mark : mark + zeroWidth;
  });
}

function isWord(character: string): boolean {
  return /[\p{L}\p{N}]/u.test(character);
}

function linkTarget(link: string): string {
  return escapeSlack(link.replaceAll('|', '%7C'));
}
