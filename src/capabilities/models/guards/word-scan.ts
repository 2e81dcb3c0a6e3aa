import { RE2JS } from 're2js';
import type { Finding, TextScan } from './text-scan.ts';

const inWord = /[\p{L}\p{N}_]/u;

const spaced = (word: string): string =>
  word
    .trim()
    .split(/\s+/)
    .map(RE2JS.quote)
    .join(String.raw`\s+`);

/**
 * Finds words, as whole words in any case, and what fits regular expressions, in linear time. Error: `RE2JSSyntaxException`
 * for what is none.
 */
export function createWordScan(settings: {
  readonly words: readonly string[];
  readonly patterns: readonly string[];
  /** Longest text that a pattern fits. */
  readonly window: number;
  readonly action: 'block' | 'mask';
}): TextScan {
  const { words, patterns, window, action } = settings;
  const replacement = action === 'mask' ? '[…]' : undefined;
  const ordered = words.toSorted((a, b) => b.length - a.length);
  const wordly =
    ordered.length === 0 ? undefined : RE2JS.compile(ordered.map(spaced).join('|'), RE2JS.CASE_INSENSITIVE);
  const compiled = patterns.map((pattern) => RE2JS.compile(pattern));
  // Spaces between the words of a phrase may be many.
  const longest = Math.max(0, ...words.map((word) => word.length + 8));
  const reach = patterns.length === 0 ? 0 : window;

  function* inText(pattern: RE2JS, text: string, from: number, whole: boolean): Generator<Finding, void> {
    const matcher = pattern.matcher(text);
    let at = from;
    while (at <= text.length && matcher.find(at)) {
      const start = matcher.start();
      const end = matcher.end();
      at = Math.max(end, start + 1);
      if (end === start) continue;
      if (whole && (inWord.test(text[start - 1] ?? ' ') || inWord.test(text[end] ?? ' '))) {
        at = start + 1;
        continue;
      }
      yield { start, end, kind: 'it holds what is not to be said', replacement };
    }
  }

  return {
    find(text, from) {
      const found = [
        ...(wordly === undefined ? [] : inText(wordly, text, from, true)),
        ...compiled.flatMap((pattern) => [...inText(pattern, text, from, false)]),
      ].toSorted((a, b) => a.start - b.start || b.end - a.end);
      let end = 0;
      return found.filter((one) => {
        if (one.start < end) return false;
        ({ end } = one);
        return true;
      });
    },
    openFrom(text, from) {
      const patternly = Math.max(from, text.length - reach);
      let wordwise = text.length;
      if (wordly !== undefined) {
        // A word that ends with the text may go on, and a phrase may have begun.
        const least = Math.max(from, text.length - longest);
        for (let start = least; start < text.length; start += 1) {
          if (inWord.test(text[start - 1] ?? ' ') && inWord.test(text[start] ?? '')) continue;
          const tail = text.slice(start).toLowerCase().replaceAll(/\s+/g, ' ');
          if (ordered.some((word) => word.toLowerCase().startsWith(tail))) {
            wordwise = start;
            break;
          }
        }
      }
      return Math.min(patternly, wordwise);
    },
  };
}
