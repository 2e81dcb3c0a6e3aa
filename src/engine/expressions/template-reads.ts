import { templateParts, type TemplatePart, type Token } from './template-tokens.ts';

/** A place where a template reads something of the scope: the longest literal path that stands there. */
export interface TemplateRead {
  /** Root first, such as ["steps", "a", "output"]; an index is its digits. */
  readonly path: readonly string[];
  readonly start: number;
  readonly end: number;
  /** Is it asked whether it is there (`is defined`, `default`), so that it may be missing? */
  readonly guarded: boolean;
  /** Does a computed key or a method follow the path? */
  readonly computed: boolean;
}

const words = new Set('and or not in is if else elif true false none True False None'.split(' '));

type Frame = Set<string>;

const isSign = (token: Token | undefined, value: string): boolean =>
  token?.kind === 'sign' && token.value === value;
const isName = (token: Token | undefined, value: string): boolean =>
  token?.kind === 'name' && token.value === value;

/** Steps of a path after its root: `.name`, `["name"]`, `[0]`; a name before `(` is a method. */
function follow(tokens: readonly Token[], from: number): { path: string[]; next: number; computed: boolean } {
  const path: string[] = [];
  let at = from;
  for (;;) {
    const name = tokens[at + 1];
    if (isSign(tokens[at], '.') && name?.kind === 'name') {
      if (isSign(tokens[at + 2], '(')) return { path, next: at, computed: true };
      path.push(name.value);
      at += 2;
      continue;
    }
    if (!isSign(tokens[at], '[')) return { path, next: at, computed: false };
    const key = tokens[at + 1];
    const literal = key?.kind === 'text' || (key?.kind === 'number' && /^\d+$/.test(key.value));
    if (!literal || !isSign(tokens[at + 2], ']')) return { path, next: at, computed: true };
    path.push(key.value);
    at += 3;
  }
}

function isGuarded(tokens: readonly Token[], from: number): boolean {
  let at = from;
  while (isSign(tokens[at], ')')) at += 1;
  const second = tokens[at + 1];
  if (isSign(tokens[at], '|')) return isName(second, 'default') || isName(second, 'd');
  if (!isName(tokens[at], 'is')) return false;
  const test = isName(second, 'not') ? tokens[at + 2] : second;
  return isName(test, 'defined') || isName(test, 'undefined');
}

/** Names that are no variables: of filters, tests, arguments, attributes and functions. */
function isVariable(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at];
  if (token?.kind !== 'name' || words.has(token.value)) return false;
  const before = tokens[at - 1];
  if (isSign(before, '.') || isSign(before, '|') || isName(before, 'is')) return false;
  if (isName(before, 'not') && isName(tokens[at - 2], 'is')) return false;
  const after = tokens[at + 1];
  return !isSign(after, '(') && !isSign(after, '=');
}

function readsOf(tokens: readonly Token[], known: (name: string) => boolean): TemplateRead[] {
  const reads: TemplateRead[] = [];
  let at = 0;
  while (at < tokens.length) {
    const token = tokens[at];
    if (token === undefined || !isVariable(tokens, at)) {
      at += 1;
      continue;
    }
    const { path, next, computed } = follow(tokens, at + 1);
    const end = tokens[next - 1]?.end ?? token.end;
    if (!known(token.value))
      reads.push({
        path: [token.value, ...path],
        start: token.start,
        end,
        guarded: !computed && isGuarded(tokens, next),
        computed,
      });
    at = next;
  }
  return reads;
}

/** Index of the first token outside of brackets that fits; the length where none does. */
function indexOutside(tokens: readonly Token[], fits: (token: Token) => boolean, from = 0): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    if (depth === 0 && fits(token)) return at;
    if (token.kind !== 'sign') continue;
    if ('([{'.includes(token.value)) depth += 1;
    else if (')]}'.includes(token.value)) depth -= 1;
  }
  return tokens.length;
}

const namesIn = (tokens: readonly Token[]): string[] =>
  tokens.filter((token) => token.kind === 'name').map((token) => token.value);

/** Splits at commas outside of brackets. */
function splitAtCommas(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const pieces: (readonly Token[])[] = [];
  let from = 0;
  while (from <= tokens.length) {
    const at = indexOutside(tokens, (token) => isSign(token, ','), from);
    pieces.push(tokens.slice(from, at));
    from = at + 1;
  }
  return pieces;
}

const closers = new Set([
  'endfor',
  'endwith',
  'endmacro',
  'endcall',
  'endblock',
  'endfilter',
  'endautoescape',
]);

class Reader {
  readonly reads: TemplateRead[] = [];
  readonly #frames: Frame[] = [new Set()];

  readonly #known = (name: string): boolean => this.#frames.some((frame) => frame.has(name));

  read(tokens: readonly Token[]): void {
    this.reads.push(...readsOf(tokens, this.#known));
  }

  statement(tokens: readonly Token[]): void {
    const [head, ...rest] = tokens;
    const word = head?.value ?? '';
    if (closers.has(word)) {
      if (this.#frames.length > 1) this.#frames.pop();
    } else if (word === 'for') this.#for(rest);
    else if (word === 'set') this.#set(rest);
    else if (word === 'with') this.#with(rest);
    else if (word === 'macro' || word === 'call') this.#macro(word, rest);
    else {
      this.read(rest);
      if (word === 'block' || word === 'filter' || word === 'autoescape') this.#frames.push(new Set());
    }
  }

  #for(tokens: readonly Token[]): void {
    const at = indexOutside(tokens, (token) => isName(token, 'in'));
    const filter = indexOutside(tokens, (token) => isName(token, 'if'), at + 1);
    this.read(tokens.slice(at + 1, filter).filter((token) => !isName(token, 'recursive')));
    this.#frames.push(new Set([...namesIn(tokens.slice(0, at)), 'loop']));
    this.read(tokens.slice(filter + 1).filter((token) => !isName(token, 'recursive')));
  }

  #set(tokens: readonly Token[]): void {
    const at = indexOutside(tokens, (token) => isSign(token, '='));
    this.read(tokens.slice(at + 1));
    const target = tokens.slice(0, at);
    // `ns.field = …` needs `ns`; anything else makes names.
    if (target.some((token) => isSign(token, '.'))) this.read(target.slice(0, 1));
    else {
      const piped = indexOutside(target, (token) => isSign(token, '|'));
      for (const name of namesIn(target.slice(0, piped))) this.#frames.at(-1)?.add(name);
    }
  }

  #with(tokens: readonly Token[]): void {
    const frame: Frame = new Set();
    for (const piece of splitAtCommas(tokens)) {
      const at = indexOutside(piece, (token) => isSign(token, '='));
      this.read(piece.slice(at + 1));
      for (const name of namesIn(piece.slice(0, at))) frame.add(name);
    }
    this.#frames.push(frame);
  }

  #macro(word: 'macro' | 'call', tokens: readonly Token[]): void {
    const opens = isSign(tokens[word === 'macro' ? 1 : 0], '(') ? (word === 'macro' ? 1 : 0) : -1;
    const closes = opens === -1 ? -1 : indexOutside(tokens, (token) => isSign(token, ')'), opens + 1);
    const frame: Frame = new Set(['caller']);
    for (const piece of splitAtCommas(tokens.slice(opens + 1, Math.max(closes, opens + 1)))) {
      const at = indexOutside(piece, (token) => isSign(token, '='));
      this.read(piece.slice(at + 1));
      for (const name of namesIn(piece.slice(0, at))) frame.add(name);
    }
    const name = tokens[0];
    if (word === 'macro' && name !== undefined) this.#frames.at(-1)?.add(name.value);
    if (word === 'call') this.read(tokens.slice(closes + 1));
    this.#frames.push(frame);
  }
}

/** Everything of the scope that a template reads; names that it makes itself (`set`, `for`, `macro`) are none. Never throws. */
export function templateReads(
  text: string,
  parts: readonly TemplatePart[] = templateParts(text),
): readonly TemplateRead[] {
  const reader = new Reader();
  for (const part of parts) {
    if (part.kind === 'variable') reader.read(part.tokens);
    else if (part.kind === 'statement') reader.statement(part.tokens);
  }
  return reader.reads;
}
