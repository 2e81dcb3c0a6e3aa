import type { Finding, TextScan } from './text-scan.ts';

/** One thing to look for. */
export interface TextPattern {
  readonly kind: string;
  /** With the flag `g`; where it has a group `secret`, only that is replaced. Must take linear time: no repeat within a repeat. */
  readonly match: RegExp;
  /** Does what fits the pattern really count? */
  readonly accepts?: (found: string) => boolean;
}

/** Looks for several patterns at once; where they overlap, the earlier and longer finding counts. */
export function createPatternScan(
  patterns: readonly TextPattern[],
  options: {
    readonly openFrom: TextScan['openFrom'];
    /** Absent: what is found stops the call. */
    readonly replacement?: (kind: string) => string;
  },
): TextScan {
  const { openFrom, replacement } = options;
  return {
    openFrom,
    find(text, from) {
      const found: Finding[] = [];
      for (const { kind, match, accepts } of patterns) {
        match.lastIndex = from;
        for (let one = match.exec(text); one !== null; one = match.exec(text)) {
          const [whole] = one;
          const secret = one.groups?.['secret'] ?? whole;
          if (accepts !== undefined && !accepts(secret)) continue;
          const start = one.index + whole.lastIndexOf(secret);
          found.push({ kind, start, end: start + secret.length, replacement: replacement?.(kind) });
        }
      }
      if (found.length < 2) return found;
      found.sort((a, b) => a.start - b.start || b.end - a.end);
      let end = 0;
      return found.filter((one) => {
        if (one.start < end) return false;
        ({ end } = one);
        return true;
      });
    },
  };
}
