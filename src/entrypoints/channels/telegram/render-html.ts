import type { Chunk } from '../channel-adapter.ts';
import { parseMarkdown } from '../markup/parse-markdown.ts';
import { splitRuns } from '../markup/split-runs.ts';
import { plainText, type StyledRun, type TextStyle } from '../markup/styled-run.ts';

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

interface Tag {
  readonly open: string;
  readonly close: string;
}

/** Markdown as Telegram HTML in chunks of at most `limit` UTF-16 units, tags and escapes counted. */
export function renderTelegramHtml(markdown: string, limit: number): readonly Chunk[] {
  const costs = {
    unit: (code: number) => (code === 38 ? 5 : code === 60 || code === 62 ? 4 : 1),
    tags: (style: TextStyle) =>
      tagsOf(style).reduce((sum, tag) => sum + tag.open.length + tag.close.length, 0),
  };
  return splitRuns(parseMarkdown(markdown), { limit, costs }).map((runs) => ({
    body: toHtml(runs),
    plain: plainText(runs),
  }));
}

function toHtml(runs: readonly StyledRun[]): string {
  let html = '';
  let open: readonly Tag[] = [];
  for (const run of runs) {
    const tags = tagsOf(run.style);
    let shared = 0;
    while (shared < open.length && open[shared]?.open === tags[shared]?.open) shared += 1;
    html += closing(open.slice(shared));
    for (const tag of tags.slice(shared)) html += tag.open;
    html += run.text.replaceAll(/[&<>]/g, (character) => escapes[character] ?? character);
    open = tags;
  }
  return html + closing(open);
}

function closing(tags: readonly Tag[]): string {
  return tags
    .toReversed()
    .map((tag) => tag.close)
    .join('');
}

/** Tags of a style, outermost first. Telegram takes no other markup inside code. */
function tagsOf(style: TextStyle): readonly Tag[] {
  if (style.block !== undefined) {
    const { language } = style.block;
    return language === ''
      ? [{ open: '<pre>', close: '</pre>' }]
      : [{ open: `<pre><code class="language-${language}">`, close: '</code></pre>' }];
  }
  const tags: Tag[] = [];
  if (style.quote) tags.push({ open: '<blockquote>', close: '</blockquote>' });
  if (style.code) return [...tags, { open: '<code>', close: '</code>' }];
  if (style.link !== undefined) {
    const address = style.link.replaceAll(/[&<>"]/g, (character) => escapes[character] ?? character);
    tags.push({ open: `<a href="${address}">`, close: '</a>' });
  }
  if (style.bold) tags.push({ open: '<b>', close: '</b>' });
  if (style.italic) tags.push({ open: '<i>', close: '</i>' });
  if (style.strike) tags.push({ open: '<s>', close: '</s>' });
  return tags;
}
