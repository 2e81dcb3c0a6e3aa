import type { Chunk } from '../channel-adapter.ts';
import { parseMarkdown } from '../markup/parse-markdown.ts';
import { markedTagsCost, markedUnitCost, renderMarks, type MarkDialect } from '../markup/render-marks.ts';
import { splitRuns } from '../markup/split-runs.ts';
import { plainText, type StyledRun, type TextStyle } from '../markup/styled-run.ts';

/** WhatsApp knows no links with words: the address stands behind them, unless it is what they say. */
const markup: MarkDialect = {
  escape: (text) => text,
  link: ({ target, words, shown, isLast }) => {
    if (isSame(words, target)) return { shown: target };
    return isLast ? { shown, behind: ` (${target})` } : { shown };
  },
  linkCost: (target) => target.length + 3,
};

/** Markdown in WhatsApp's markup, in chunks of at most `limit` UTF-16 units, marks and addresses counted. */
export function renderWhatsApp(markdown: string, limit: number): readonly Chunk[] {
  const costs = {
    unit: (code: number) => markedUnitCost(code, undefined),
    tags: (style: TextStyle) => markedTagsCost(style, markup),
  };
  return splitRuns(parseMarkdown(markdown), { limit, costs }).map((runs) => ({
    body: renderMarks(runs, markup),
    plain: plainOf(runs),
  }));
}

/** Without marks, but with the addresses: nothing else would say where the links lead. */
function plainOf(runs: readonly StyledRun[]): string {
  const shown = runs.map(({ text, style }, index) => {
    const { link } = style;
    const isLast = link !== undefined && runs[index + 1]?.style.link !== link;
    return { text: isLast && !isSame(text, link) ? `${text} (${link})` : text, style: {} };
  });
  return plainText(shown);
}

function isSame(words: string, target: string): boolean {
  return words === target || words === target.replace(/^(?:https?:\/\/|mailto:|tel:)/, '');
}
