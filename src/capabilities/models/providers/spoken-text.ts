const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const space = 0x20;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** What is said in a part of an event. */
export interface SpokenText {
  readonly bytes: number;
  /** Where the last text of it begins and ends, its quotes left out; -1: there is none. */
  readonly start: number;
  readonly end: number;
}

/** Offset behind the string that begins at `from`; the end of the text where it does not end. */
function afterString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (code === backslash) at += 1;
  }
  return text.length;
}

/** `type`, `role` and `id` say nothing. */
function isSilent(text: string, from: number, end: number): boolean {
  const length = end - from - 2;
  if (length === 2) return text.startsWith('id', from + 1);
  return length === 4 && (text.startsWith('type', from + 1) || text.startsWith('role', from + 1));
}

/**
 * What is said in the value of a member `"delta":…` or `"text":…` that begins at `from`: a text, or all texts of an object
 * but those that only describe it.
 */
export function spokenTextAt(text: string, from: number): SpokenText {
  let at = text.charCodeAt(from) === space ? from + 1 : from;
  let depth = 0;
  let bytes = 0;
  let silent = false;
  let start = -1;
  let end = -1;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const after = afterString(text, at);
      if (text.charCodeAt(after) === colon) silent = isSilent(text, at, after);
      else if (silent) silent = false;
      else {
        start = at + 1;
        end = after - 1;
        bytes += end - start;
      }
      at = after - 1;
    } else if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) depth -= 1;
    else if (depth > 0) continue;
    if (depth <= 0) break;
  }
  return { bytes, start, end };
}
