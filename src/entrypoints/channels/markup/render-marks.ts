import type { StyledRun, TextStyle } from './styled-run.ts';

/** Shows nothing, and keeps a mark of the text from being read as markup. */
const zeroWidth = '\u200B';
const marks = new Set(['*', '_', '~', '`'].map((character) => character.charCodeAt(0)));
const address = /https?:\/\/[^\s<>]+/g;
const fence = '```';

/** Words that lead somewhere, as they were written and as markup. */
export interface MarkedLink {
  readonly target: string;
  readonly words: string;
  readonly shown: string;
  /** What follows leads elsewhere. */
  readonly isLast: boolean;
}

/** What differs between platforms whose markup is `*bold*`, `_italic_`, `~strike~`, `` `code` `` and fences. */
export interface MarkDialect {
  /** The text as the platform shows it letter by letter, marks aside. */
  escape(text: string): string;
  /** Words that lead somewhere. */
  link(link: MarkedLink): { readonly shown: string; readonly behind?: string };
  /** The most that `link` adds to its words. */
  linkCost(target: string): number;
}

/** The most that `renderMarks` makes of a unit of the text, given its length once escaped. */
export function markedUnitCost(code: number, escapedLength: number | undefined): number {
  return escapedLength ?? (marks.has(code) ? 2 : 1);
}

/** The most that `renderMarks` adds around a run of this style. */
export function markedTagsCost(style: TextStyle, dialect: MarkDialect): number {
  if (style.block !== undefined) return 2 * fence.length + 3;
  const quote = style.quote ? 2 : 0;
  if (style.code) return quote + 4;
  const link = style.link === undefined ? 0 : dialect.linkCost(style.link);
  return quote + link + marksOf(style).length * 2 + 2;
}

/** Styled runs with the marks of their styles; marks of the text itself are disarmed. */
export function renderMarks(source: readonly StyledRun[], dialect: MarkDialect): string {
  const runs = joined(source);
  let text = '';
  for (const [index, run] of runs.entries()) {
    const { style } = run;
    if (style.block !== undefined) {
      if (text !== '' && !text.endsWith('\n')) text += '\n';
      text += `${fence}\n${codeText(run.text, dialect)}\n${fence}`;
      continue;
    }
    if (style.quote === true && (text === '' || text.endsWith('\n'))) text += '> ';
    const shown = styled(run, { before: text.at(-1) ?? '', next: runs[index + 1] }, dialect);
    text += style.quote === true ? shown.replaceAll('\n', '\n> ') : shown;
  }
  return text;
}

/** The text of a code block, with nothing in it that would end the block. */
function codeText(text: string, { escape }: MarkDialect): string {
  return escape(text).replaceAll(/`{3,}/g, (ticks) => Array.from(ticks).join(zeroWidth));
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

/** A run with its marks. A mark is read only at the edge of a word, so one within a word gets an edge. */
function styled(
  { text, style }: StyledRun,
  { before, next }: { readonly before: string; readonly next: StyledRun | undefined },
  dialect: MarkDialect,
): string {
  const after = next?.text[0] ?? '';
  if (style.code === true) {
    return text.includes('`') ? escapeText(text, dialect) : around('`', dialect.escape(text), before, after);
  }
  const inner = text.trim();
  if (inner === '') return text;
  const lead = text.slice(0, text.indexOf(inner));
  const trail = text.slice(lead.length + inner.length);
  const { shown, behind = '' } = linked({ text: inner, style }, next, dialect);
  // A mark of the text would end a style of its own kind too early.
  const used = marksOf(style).filter((mark) => !inner.includes(mark));
  if (used.length === 0) return lead + shown + behind + trail;
  const left = lead === '' && isWord(before) ? zeroWidth : '';
  const right = behind === '' && trail === '' && isWord(after) ? zeroWidth : '';
  return [lead, left, ...used, shown, ...used.toReversed(), behind, right, trail].join('');
}

function linked(
  { text, style }: StyledRun,
  next: StyledRun | undefined,
  dialect: MarkDialect,
): { readonly shown: string; readonly behind?: string } {
  const shown = escapeText(text, dialect);
  if (style.link === undefined) return { shown };
  const isLast = next?.style.link !== style.link;
  return dialect.link({ target: style.link, words: text, shown, isLast });
}

function around(mark: string, text: string, before: string, after: string): string {
  return `${isWord(before) ? zeroWidth : ''}${mark}${text}${mark}${isWord(after) ? zeroWidth : ''}`;
}

/** Marks of a style, outermost first. */
function marksOf({ bold, italic, strike }: TextStyle): readonly string[] {
  return [...(bold ? ['*'] : []), ...(italic ? ['_'] : []), ...(strike ? ['~'] : [])];
}

/** Text between addresses has its marks disarmed; addresses stay as they are, or they would lead elsewhere. */
function escapeText(text: string, dialect: MarkDialect): string {
  let shown = '';
  let from = 0;
  for (const { 0: link, index } of text.matchAll(address)) {
    shown += disarm(text.slice(from, index), dialect) + dialect.escape(link);
    from = index + link.length;
  }
  return shown + disarm(text.slice(from), dialect);
}

/** A mark within a word, or with a blank on both sides, is none; names like `snake_case` stay untouched. */
function disarm(text: string, { escape }: MarkDialect): string {
  return escape(text).replaceAll(/[*_~`]/g, (mark, at: number, whole: string) => {
    const before = whole[at - 1] ?? '';
    const after = whole[at + 1] ?? '';
    const harmless = (isWord(before) && isWord(after)) || (before.trim() === '' && after.trim() === '');
    return harmless && before !== '' && after !== '' ? mark : mark + zeroWidth;
  });
}

function isWord(character: string): boolean {
  return /[\p{L}\p{N}]/u.test(character);
}
