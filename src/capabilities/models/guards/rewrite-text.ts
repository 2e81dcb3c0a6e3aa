import { blockedContent } from './blocked-content.ts';
import type { Finding, TextScan } from './text-scan.ts';

/** The text between two places with what was found replaced. Error: `content_blocked` for what has no replacement. */
export function replaceFindings(
  guard: string,
  text: string,
  findings: readonly Finding[],
  [from, to]: readonly [number, number],
): string {
  let result = '';
  let at = from;
  for (const { start, end, kind, replacement } of findings) {
    if (replacement === undefined) throw blockedContent(guard, kind);
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at, to);
}

/** A whole text with what was found replaced; the same string when nothing was. */
export function rewriteText(guard: string, scan: TextScan, text: string): string {
  const findings = scan.find(text, 0);
  return findings.length === 0 ? text : replaceFindings(guard, text, findings, [0, text.length]);
}
