import type { StyledRun, TextStyle } from './styled-run.ts';

type Emphasis = 'bold' | 'italic' | 'strike';

type Token =
  | { readonly kind: 'run'; readonly run: StyledRun }
  | {
      readonly kind: 'mark';
      readonly text: string;
      readonly style: Emphasis;
      readonly opens: boolean;
      readonly closes: boolean;
    };

const marks: readonly (readonly [string, Emphasis])[] = [
  ['**', 'bold'],
  ['__', 'bold'],
  ['~~', 'strike'],
  ['*', 'italic'],
  ['_', 'italic'],
];
const link =
  /!?\[([^[\]\n]{1,1000})\]\(((?:https?:\/\/|mailto:|tel:)[^\s()<>"]{1,1000}(?:\([^\s()<>"]{0,200}\)[^\s()<>"]{0,200})?)\)/y;
const bareAddress = /https?:\/\/[^\s<>*]+/y;
const special = /[\\`[!*_~h]/g;
const wordCharacter = /[\p{L}\p{N}]/u;

/** Markdown within one line as styled runs, in linear time. What is no complete markup stays as it was written. */
export function parseInline(line: string, style: TextStyle): readonly StyledRun[] {
  return pairMarks(tokenize(line, style), style);
}

function tokenize(line: string, style: TextStyle): readonly Token[] {
  const tokens: Token[] = [];
  const closers = matchBackticks(line);
  let literalFrom = 0;
  let at = 0;
  const flush = (until: number): void => {
    if (until > literalFrom)
      tokens.push({ kind: 'run', run: { text: line.slice(literalFrom, until), style } });
  };
  while (at < line.length) {
    special.lastIndex = at;
    const found = special.exec(line);
    if (found === null) break;
    at = found.index;
    const character = line[at];
    if (character === '\\' && /[!-/:-@[-`{-~]/.test(line[at + 1] ?? '')) {
      flush(at);
      literalFrom = at + 1;
      at += 2;
    } else if (character === '`') {
      const code = closers.get(at);
      const length = backticksAt(line, at);
      if (code !== undefined) {
        flush(at);
        const text = line.slice(at + length, code);
        const trimmed = /^ .*[^ ].* $/.test(text) ? text.slice(1, -1) : text;
        tokens.push({ kind: 'run', run: { text: trimmed, style: { ...style, code: true } } });
        at = code + length;
        literalFrom = at;
      } else at += length;
    } else if (character === 'h') {
      bareAddress.lastIndex = at;
      at += bareAddress.exec(line)?.[0].length ?? 1;
    } else if (character === '[' || character === '!') {
      link.lastIndex = at;
      const match = style.link === undefined ? link.exec(line) : null;
      if (match === null) at += 1;
      else {
        flush(at);
        for (const run of parseInline(match[1] ?? '', { ...style, link: match[2] ?? '' }))
          tokens.push({ kind: 'run', run });
        at += match[0].length;
        literalFrom = at;
      }
    } else {
      const mark = markAt(line, at);
      if (mark === undefined) at += 1;
      else {
        const [text, emphasis] = mark;
        flush(at);
        tokens.push({ kind: 'mark', text, style: emphasis, ...flanks(line, at, text) });
        at += text.length;
        literalFrom = at;
      }
    }
  }
  flush(line.length);
  return tokens;
}

/** `***` opens bold, then italic, and so has to close italic first. */
function markAt(line: string, at: number): readonly [string, Emphasis] | undefined {
  if (
    line.startsWith('***', at) &&
    (line[at - 1] ?? ' ').trim() !== '' &&
    (line[at + 3] ?? ' ').trim() === ''
  ) {
    return ['*', 'italic'];
  }
  return marks.find(([text]) => line.startsWith(text, at));
}

function backticksAt(line: string, at: number): number {
  let end = at;
  while (line[end] === '`') end += 1;
  return end - at;
}

/** For each run of backticks the start of the next one of the same length. */
function matchBackticks(line: string): ReadonlyMap<number, number> {
  const closers = new Map<number, number>();
  const next = new Map<number, number>();
  const starts = [...line.matchAll(/`+/g)];
  for (const { 0: text, index } of starts.toReversed()) {
    const closer = next.get(text.length);
    if (closer !== undefined) closers.set(index, closer);
    next.set(text.length, index);
  }
  return closers;
}

/** An underscore within a word is part of the word; a mark beside a blank does not open or close towards it. */
function flanks(line: string, at: number, mark: string): { opens: boolean; closes: boolean } {
  const before = line[at - 1] ?? ' ';
  const after = line[at + mark.length] ?? ' ';
  const inWord = mark.startsWith('_');
  return {
    opens: after.trim() !== '' && !(inWord && wordCharacter.test(before)),
    closes: before.trim() !== '' && !(inWord && wordCharacter.test(after)),
  };
}

function pairMarks(tokens: readonly Token[], style: TextStyle): readonly StyledRun[] {
  const partner = new Map<number, 'open' | 'close'>();
  const open: { text: string; index: number }[] = [];
  const waiting = new Map<string, number>();
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'mark') continue;
    const count = waiting.get(token.text) ?? 0;
    if (token.closes && count > 0) {
      for (let top = open.pop(); top !== undefined; top = open.pop()) {
        waiting.set(top.text, (waiting.get(top.text) ?? 1) - 1);
        if (top.text !== token.text) continue;
        partner.set(top.index, 'open');
        partner.set(index, 'close');
        break;
      }
    } else if (token.opens) {
      open.push({ text: token.text, index });
      waiting.set(token.text, count + 1);
    }
  }
  const runs: StyledRun[] = [];
  const depth: Record<Emphasis, number> = { bold: 0, italic: 0, strike: 0 };
  for (const [index, token] of tokens.entries()) {
    const role = partner.get(index);
    if (token.kind === 'mark' && role !== undefined) depth[token.style] += role === 'open' ? 1 : -1;
    else {
      const emphasis: TextStyle = {
        ...(depth.bold > 0 ? { bold: true } : {}),
        ...(depth.italic > 0 ? { italic: true } : {}),
        ...(depth.strike > 0 ? { strike: true } : {}),
      };
      if (token.kind === 'mark') runs.push({ text: token.text, style: { ...style, ...emphasis } });
      else runs.push({ text: token.run.text, style: { ...token.run.style, ...emphasis } });
    }
  }
  return runs;
}
