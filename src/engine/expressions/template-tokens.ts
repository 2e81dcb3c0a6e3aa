/** A token of an expression; `start` and `end` are offsets in the whole text. */
export interface Token {
  readonly kind: 'name' | 'text' | 'number' | 'sign';
  /** A name or sign as it is written; a text without its quotes, escapes resolved. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** A part of a template: plain text, `{{ … }}` or `{% … %}`. Comments are left out. */
export interface TemplatePart {
  readonly kind: 'text' | 'variable' | 'statement';
  readonly start: number;
  readonly end: number;
  /** Of a variable or statement. */
  readonly tokens: readonly Token[];
  /** Is the part closed? The engine refuses one that is not. */
  readonly closed: boolean;
}

const namePattern = /[\p{L}_][\p{L}\p{N}_]*/uy;
const numberPattern =
  /(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)/y;
const signPattern = /==|!=|<=|>=|\*\*|\/\/|[^\s]/uy;
const rawEnd = /\{%[-+]?\s*endraw\s*[-+]?%\}/g;
const rawStart = /\{%[-+]?\s*raw\s*[-+]?%\}/y;
const opening = /\{[{%#]/g;
const openers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

/** The text between quotes at `at`, and where it ends. */
function quoted(text: string, at: number): { value: string; end: number } {
  const quote = text[at];
  let value = '';
  let index = at + 1;
  while (index < text.length && text[index] !== quote) {
    if (text[index] !== '\\') {
      value += text[index];
      index += 1;
      continue;
    }
    const letter = text[index + 1] ?? '';
    const code = letter === 'u' ? /^[0-9a-fA-F]{4}/.exec(text.slice(index + 2, index + 6))?.[0] : undefined;
    value +=
      code === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16));
    index += code === undefined ? 2 : 6;
  }
  return { value, end: Math.min(index + 1, text.length) };
}

/** Reads tokens up to the closing marker, which counts only outside of brackets and texts. */
function tokensUntil(
  text: string,
  from: number,
  marker: '}}' | '%}',
): { tokens: Token[]; end: number; closed: boolean } {
  const tokens: Token[] = [];
  const open: string[] = [];
  let at = from;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (/\s/.test(char)) {
      at += 1;
      continue;
    }
    if (open.length === 0) {
      if (text.startsWith(marker, at)) return { tokens, end: at + 2, closed: true };
      if ((char === '-' || char === '+') && text.startsWith(marker, at + 1))
        return { tokens, end: at + 3, closed: true };
    }
    if (char === '"' || char === "'") {
      const { value, end } = quoted(text, at);
      tokens.push({ kind: 'text', value, start: at, end });
      at = end;
      continue;
    }
    const name = matchAt(namePattern, text, at);
    const number = name === undefined ? matchAt(numberPattern, text, at) : undefined;
    const value = name ?? number ?? matchAt(signPattern, text, at) ?? char;
    const closing = openers[value];
    if (closing !== undefined) open.push(closing);
    else if (value === open.at(-1)) open.pop();
    const kind = name !== undefined ? 'name' : number !== undefined ? 'number' : 'sign';
    tokens.push({ kind, value, start: at, end: at + value.length });
    at += value.length;
  }
  return { tokens, end: text.length, closed: false };
}

/** Takes a template apart: strings, comments and raw blocks are not mistaken for expressions. Never throws. */
export function templateParts(text: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  const plain = (start: number, end: number): void => {
    if (end > start) parts.push({ kind: 'text', start, end, tokens: [], closed: true });
  };
  let at = 0;
  while (at < text.length) {
    opening.lastIndex = at;
    const start = opening.exec(text)?.index ?? text.length;
    plain(at, start);
    if (start === text.length) break;
    const opener = text[start + 1];
    if (opener === '#') {
      const end = text.indexOf('#}', start + 2);
      at = end === -1 ? text.length : end + 2;
      continue;
    }
    const raw = opener === '%' ? matchAt(rawStart, text, start) : undefined;
    if (raw !== undefined) {
      const from = start + raw.length;
      rawEnd.lastIndex = from;
      const found = rawEnd.exec(text);
      plain(from, found?.index ?? text.length);
      at = found === null ? text.length : found.index + found[0].length;
      continue;
    }
    const sign = /[-+]/.test(text[start + 2] ?? '') ? 3 : 2;
    const { tokens, end, closed } = tokensUntil(text, start + sign, opener === '{' ? '}}' : '%}');
    parts.push({ kind: opener === '{' ? 'variable' : 'statement', start, end, tokens, closed });
    at = end;
  }
  return parts;
}
