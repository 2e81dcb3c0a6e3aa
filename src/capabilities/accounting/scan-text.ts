/** What one look at each character of a text tells. */
export interface ScannedText {
  /** About how many tokens it has, by words, numbers and punctuation. */
  readonly tokens: number;
  /** JSON, a hash, base64: many more tokens than its words let expect. */
  readonly dense: boolean;
}

const other = 0;
const space = 1;
const punctuation = 2;
const digit = 3;
const lower = 4;
const upper = 5;

const classes = new Uint8Array(128);
for (const code of [9, 10, 11, 12, 13, 32]) classes[code] = space;
for (const character of '.,!?;(){}[]<>:/\\|@#$%^&*+=`~_"-') classes[character.charCodeAt(0)] = punctuation;
for (let code = 48; code < 58; code += 1) classes[code] = digit;
for (let code = 97; code < 123; code += 1) classes[code] = lower;
for (let code = 65; code < 91; code += 1) classes[code] = upper;

/** Letters, digits and signs that long hashes and base64 are made of. */
const compact = new Uint8Array(128);
for (let code = 0; code < 128; code += 1) if ((classes[code] ?? 0) >= digit) compact[code] = 1;
for (const character of '+/=_-') compact[character.charCodeAt(0)] = 1;
const compactRun = 80;

const lineFeed = 10;
/** Characters of scripts that are written without spaces begin here. */
const firstCjk = 0x2e80;

/** Tokens of one word or number of this length. */
function tokensOfWord(length: number, digits: number, lowers: number, wide: number, foreign: number): number {
  if (wide > 0) return Math.ceil(wide / 1.2 + (length - wide) / 4);
  // Accents cost more than they seem to: many languages have three to five characters to a token.
  if (foreign > 0) return Math.ceil(length / 3);
  if (digits === length) return Math.ceil(length / 3);
  if (length <= 3 || (length <= 8 && lowers === length)) return 1;
  return Math.ceil(length / 7);
}

/** Reads a text once, a few nanoseconds for each character. */
export function scanText(text: string, from = 0, to = text.length): ScannedText {
  let tokens = 0;
  let dense = false;
  let run = 0;
  /** Of the segment under way. */
  let kind = -1;
  let length = 0;
  let digits = 0;
  let lowers = 0;
  let wide = 0;
  let foreign = 0;
  let lines = 0;
  let structured = false;
  let afterPunctuation = false;
  for (let at = from; at <= to; at += 1) {
    const code = at < to ? text.charCodeAt(at) : -1;
    const found = code < 0 ? -1 : code < 128 ? (classes[code] ?? other) : other;
    run = code >= 0 && code < 128 && compact[code] === 1 ? run + 1 : 0;
    if (run >= compactRun) dense = true;
    const segment = found >= digit ? other : found;
    if (segment !== kind) {
      if (kind === space) {
        // Line ends count when they give structure, or end a line that no punctuation has ended.
        if (structured || (lines > 0 && !afterPunctuation)) tokens += 1;
      } else if (kind === punctuation) tokens += length <= 3 ? 1 : Math.ceil(length / 6);
      else if (kind === other) tokens += tokensOfWord(length, digits, lowers, wide, foreign);
      afterPunctuation = kind === punctuation;
      kind = segment;
      length = 0;
      digits = 0;
      lowers = 0;
      wide = 0;
      foreign = 0;
      lines = 0;
      structured = false;
    } else if (lines > 0) structured = true;
    length += 1;
    if (found === lower) lowers += 1;
    else if (found === digit) digits += 1;
    else if (code === lineFeed) lines += 1;
    else if (code >= firstCjk) wide += 1;
    else if (code > 127) foreign += 1;
  }
  return { tokens, dense };
}
