import type { Chunk } from '../channel-adapter.ts';
import { parseMarkdown } from '../markup/parse-markdown.ts';
import { markedTagsCost, markedUnitCost, renderMarks, type MarkDialect } from '../markup/render-marks.ts';
import { splitRuns } from '../markup/split-runs.ts';
import { plainText } from '../markup/styled-run.ts';

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escapeLengths = new Map(
  Object.entries(escapes).map(([character, escape]) => [character.charCodeAt(0), escape.length]),
);

const mrkdwn: MarkDialect = {
  escape: escapeSlack,
  link: ({ target, words }) => ({ shown: `<${linkTarget(target)}|${escapeSlack(words)}>` }),
  linkCost: (target) => linkTarget(target).length + 3,
};

/** Markdown as Slack's mrkdwn in chunks of at most `limit` UTF-16 units, marks and escapes counted. */
export function renderSlackMrkdwn(markdown: string, limit: number): readonly Chunk[] {
  const costs = {
    unit: (code: number) => markedUnitCost(code, escapeLengths.get(code)),
    tags: (style: Parameters<typeof markedTagsCost>[0]) => markedTagsCost(style, mrkdwn),
  };
  return splitRuns(parseMarkdown(markdown), { limit, costs }).map((runs) => ({
    body: renderMarks(runs, mrkdwn),
    plain: plainText(runs),
  }));
}

/** A text as Slack shows it letter by letter. */
export function escapeSlack(text: string): string {
  return text.replaceAll(/[&<>]/g, (character) => escapes[character] ?? character);
}

function linkTarget(link: string): string {
  return escapeSlack(link.replaceAll('|', '%7C'));
}
