import type { Json, JsonObject } from './json.ts';

/** Changes to the members of a JSON object, by name. */
export interface JsonEdits {
  /** Set whatever is there. */
  readonly set?: JsonObject;
  /** Set where the object has no such member, or `null`. */
  readonly setAbsent?: JsonObject;
  readonly remove?: readonly string[];
}

interface Member {
  readonly name: string;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
/** Longer strings are searched natively: that pays only from some length on. */
const shortString = 128;

function afterSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  // Space, line feed, carriage return and tab are all that JSON knows, and nothing below 0x21 else can stand here.
  while ((bytes[at] ?? quote) <= 0x20) at += 1;
  return at;
}

/** Offset behind the string that begins at `from`. */
function stringEnd(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    const searched = at + shortString;
    for (; at < searched; at += 1) {
      const byte = bytes[at];
      if (byte === quote) return at + 1;
      if (byte === backslash) at += 1;
      else if (byte === undefined) throw new SyntaxError('a string does not end');
    }
    const found = bytes.indexOf(quote, at);
    if (found === -1) throw new SyntaxError('a string does not end');
    // A quote counts when an even number of backslashes stands before it; `at` itself never lies within an escape.
    let before = found;
    while (before > at && bytes[before - 1] === backslash) before -= 1;
    if ((found - before) % 2 === 0) return found + 1;
    at = found + 1;
  }
}

/** Offset behind the value that begins at `from`. */
function valueEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === quote) return stringEnd(bytes, from);
  let at = from;
  if (first !== openBrace && first !== openBracket) {
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined || byte <= 0x20 || byte === comma || byte === closeBrace) return at;
      at += 1;
    }
  }
  let depth = 0;
  for (;;) {
    const byte = bytes[at];
    if (byte === quote) {
      at = stringEnd(bytes, at);
      continue;
    }
    at += 1;
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
      if (depth === 0) return at;
    } else if (byte === undefined) throw new SyntaxError('an object or list does not end');
  }
}

function nameAt(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start + 1, end - 1);
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}

function membersOf(bytes: Buffer, from: number): Member[] {
  const members: Member[] = [];
  let at = afterSpace(bytes, from);
  while (bytes[at] === quote) {
    const keyEnd = stringEnd(bytes, at);
    const valueStart = afterSpace(bytes, afterSpace(bytes, keyEnd) + 1);
    const end = valueEnd(bytes, valueStart);
    members.push({ name: nameAt(bytes, at, keyEnd), start: at, valueStart, end });
    at = afterSpace(bytes, end);
    if (bytes[at] === comma) at = afterSpace(bytes, at + 1);
  }
  return members;
}

const memberText = ([name, value]: readonly [string, Json | undefined]): string =>
  `${JSON.stringify(name)}:${JSON.stringify(value)}`;

const isNull = (bytes: Buffer, { valueStart, end }: Member): boolean =>
  end - valueStart === 4 && bytes[valueStart] === 0x6e;

/** What the edits come to for these members. */
function resolveEdits(bytes: Buffer, members: readonly Member[], edits: JsonEdits) {
  const last = new Map(members.map((member) => [member.name, member]));
  const values = new Map<string, Json | undefined>();
  for (const [name, value] of Object.entries(edits.setAbsent ?? {})) {
    const member = last.get(name);
    if (value !== undefined && (member === undefined || isNull(bytes, member))) values.set(name, value);
  }
  for (const [name, value] of Object.entries(edits.set ?? {}))
    if (value !== undefined) values.set(name, value);
  const removed = new Set((edits.remove ?? []).filter((name) => !values.has(name)));
  const added = [...values].filter(([name]) => !last.has(name)).map(memberText);
  return { values, removed, added };
}

/**
 * The same object with some members changed; every other byte stays as it is, so numbers, escapes and the order of members
 * survive. A name that stands there more than once is changed at each place. `bytes` must be a JSON object that
 * `JSON.parse` takes; anything else gives nonsense or a `SyntaxError`.
 */
export function spliceJson(bytes: Buffer, edits: JsonEdits): Buffer {
  const open = afterSpace(bytes, 0) + 1;
  const members = membersOf(bytes, open);
  const { values, removed, added } = resolveEdits(bytes, members, edits);
  const pieces: (string | Buffer)[] = [];
  if (members.some(({ name }) => removed.has(name))) {
    const kept = members
      .filter(({ name }) => !removed.has(name))
      .flatMap((member) => {
        const { name, start, valueStart, end } = member;
        return values.has(name)
          ? [',', bytes.subarray(start, valueStart), JSON.stringify(values.get(name))]
          : [',', bytes.subarray(start, end)];
      });
    const all = [...added.flatMap((text) => [',', text]), ...kept];
    pieces.push('{', ...all.slice(1), '}');
  } else {
    let copied = open;
    pieces.push(bytes.subarray(0, open));
    if (added.length > 0) pieces.push(added.join(','), members.length === 0 ? '' : ',');
    for (const { name, valueStart, end } of members) {
      if (!values.has(name)) continue;
      pieces.push(bytes.subarray(copied, valueStart), JSON.stringify(values.get(name)));
      copied = end;
    }
    pieces.push(bytes.subarray(copied));
  }
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}
