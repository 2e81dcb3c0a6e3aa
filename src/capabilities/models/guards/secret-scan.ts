import { createPatternScan, type TextPattern } from './pattern-scan.ts';
import type { TextScan } from './text-scan.ts';

/** Has it digits and letters mixed, as what a machine made up has? */
const looksRandom = (text: string): boolean => /\d/.test(text) && /[A-Za-z]/.test(text);

/** Has it a stretch that no word or name has: 16 letters and digits in a row, mixed? */
const hasRandomStretch = (text: string): boolean =>
  text.split(/[^A-Za-z0-9]+/).some((part) => part.length >= 16 && looksRandom(part));

/** Values that people write where a secret would stand. */
const placeholder =
  /^(?:x{3,}|\*+|\.+|<.*|\$.*|%.*|\{.*|\[.*|your[_-].*|example.*|changeme.*|.*placeholder.*|process\.env.*|os\.environ.*|secret:.*)$/i;

const isAssigned = (text: string): boolean => {
  if (placeholder.test(text) || text.includes('(') || !looksRandom(text)) return false;
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^\w]/].filter((one) => one.test(text)).length;
  return classes >= 3 || text.length >= 20;
};

const token = (kind: string, source: string, accepts?: (found: string) => boolean): TextPattern => ({
  kind,
  match: new RegExp(String.raw`(?<![\w-])${source}(?![\w-])`, 'g'),
  ...(accepts === undefined ? {} : { accepts }),
});

const patterns: readonly TextPattern[] = [
  token('api key', String.raw`sk-[\w-]{16,}`, hasRandomStretch),
  token('api key', String.raw`a33_[\w-]{20,252}`),
  token('api key', String.raw`(?:gsk_|xai-|hf_|r8_|nvapi-|pplx-|csk-)[A-Za-z0-9_-]{28,}`, looksRandom),
  token('api key', String.raw`AIza[\w-]{35}`),
  token('access token', String.raw`ya29\.[\w-]{20,}`),
  token('access key', String.raw`(?:AKIA|ASIA)[A-Z0-9]{16}`),
  token('access token', String.raw`gh[pousr]_[A-Za-z0-9]{36,}`),
  token('access token', String.raw`github_pat_[A-Za-z0-9_]{22,}`),
  token('access token', String.raw`gl(?:pat|dt|rt|cbt|ptt|ft)-[\w-]{20,}`),
  token('access token', String.raw`(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}`, looksRandom),
  token('api key', String.raw`[sr]k_(?:live|test)_[A-Za-z0-9]{16,}`),
  token('webhook secret', String.raw`whsec_[A-Za-z0-9+/=]{24,}`),
  token('api key', String.raw`SG\.[\w-]{16,32}\.[\w-]{32,64}`),
  token('access token', String.raw`npm_[A-Za-z0-9]{36}`),
  token('access token', String.raw`pypi-[\w-]{50,}`),
  token('access token', String.raw`do[por]_v1_[a-f0-9]{64}`),
  token('access token', String.raw`dapi[a-f0-9]{32}`),
  token('bot token', String.raw`\d{8,10}:[A-Za-z0-9_-]{35}`),
  token('json web token', String.raw`eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`),
  {
    kind: 'private key',
    match:
      /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr])*(?:[\w-]+: [^\n\\]{1,100}(?:\s|\\[nr])+){0,4}[A-Za-z0-9+/=]{32,}(?:[A-Za-z0-9+/=\s]|\\[nr]){0,16000}(?:-----END [A-Z0-9 ]{1,40}-----)?/g,
  },
  {
    kind: 'password',
    // Of a connection string only the password.
    match: /\b[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:/@"'<>]{0,100}:(?<secret>[^\s/@"'<>]{1,200})@(?=[\w[])/gi,
    accepts: (found) => !placeholder.test(found),
  },
  {
    kind: 'access token',
    match: /\b(?:bearer|basic)\s{1,3}(?<secret>[A-Za-z0-9._~+/-]{20,}={0,2})/gi,
    accepts: hasRandomStretch,
  },
  {
    kind: 'secret',
    match:
      /(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)["']?\s{0,3}[:=]\s{0,3}["']?(?<secret>[^\s"',;)}\]]{12,200})/gi,
    accepts: isAssigned,
  },
];

/** Longest word that is held back as a whole. */
const longestWord = 8192;
const announced =
  /(?:bearer|basic|password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)["']?\s{0,3}[:=]?\s{0,3}["']?$/i;
const keyBegin = /^-----BEGIN [A-Z0-9 ]{0,40}(?:-{0,4}$|-----)/;
const keyEnd = /-----END [A-Z0-9 ]{1,40}-----/;
const notOfKey = /[^A-Za-z0-9+/=\s\\:,.-]/;
/** By then the lines of a private key have begun, or it is none. */
const keyHeadLength = 300;

/** Is this the beginning of a private key whose end is not there yet? */
function isOpenKey(text: string): boolean {
  const begin = keyBegin.exec(text)?.[0];
  if (begin === undefined) return false;
  const rest = text.slice(begin.length);
  if (notOfKey.test(rest) || keyEnd.test(rest)) return false;
  return rest.length < keyHeadLength || /[A-Za-z0-9+/=]{32}/.test(rest.slice(0, keyHeadLength));
}

/** The word at the end, and the one before it where that announces a secret. */
function openFrom(text: string, from: number): number {
  const least = Math.max(from, text.length - longestWord);
  let start = text.length;
  while (start > least && !/\s/.test(text[start - 1] ?? '')) start -= 1;
  const before = announced.exec(text.slice(Math.max(from, start - 40), start));
  if (before !== null) start -= before[0].length;
  // Within a word such as `api_key=` the word itself is held already.
  const key = text.lastIndexOf('-----BEGIN ');
  return key >= from && isOpenKey(text.slice(key)) ? Math.min(start, key) : start;
}

/** Finds credentials by their shape: API keys, tokens, private keys, passwords in connection strings. */
export function createSecretScan(action: 'redact' | 'block'): TextScan {
  return createPatternScan(patterns, {
    openFrom,
    ...(action === 'block' ? {} : { replacement: () => '[redacted]' }),
  });
}
