import type { ChannelAdapter, Chunk, PreviewContent } from '../channel-adapter.ts';
import { closeMarkdown, openFence } from './close-markdown.ts';

/** Parts of a message's length that its end is tried with: markup makes a text longer. */
const shares = [0.7, 0.4, 0.2];
const stop = { label: 'Stop', command: '/stop' } as const;

/**
 * An unfinished text as one message, with a line below it and a button that stops it; `undefined`: nothing of it can be
 * seen yet.
 */
export function previewContent(
  adapter: ChannelAdapter,
  said: { readonly text: string; readonly line: string },
): PreviewContent | undefined {
  const { maxTextLength, buttons } = adapter.capabilities;
  const { text, line } = said;
  const shown = [closeMarkdown(text), line].filter((part) => part !== '').join('\n\n');
  const chunk = lastChunk(adapter, shown, maxTextLength);
  if (chunk === undefined) return undefined;
  return { markdown: text, chunk: buttons ? { ...chunk, actions: [stop] } : chunk };
}

/** The whole where it fits, else its end: that is what somebody watches grow. */
function lastChunk(adapter: ChannelAdapter, markdown: string, limit: number): Chunk | undefined {
  if (markdown.length <= limit) {
    const chunks = adapter.render(markdown);
    if (chunks.length <= 1) return chunks[0];
  }
  for (const share of shares) {
    const chunks = adapter.render(endOf(markdown, Math.floor(limit * share)));
    if (chunks.length === 1 || share === shares.at(-1)) return chunks.at(-1);
  }
  return undefined;
}

function endOf(markdown: string, length: number): string {
  const from = markdown.length - length;
  const window = markdown.slice(from, from + Math.floor(length / 3));
  const cut = [window.indexOf('\n'), window.indexOf(' ')].find((at) => at !== -1) ?? -1;
  let start = from + cut + 1;
  const code = markdown.charCodeAt(start);
  if (code >= 0xdc00 && code <= 0xdfff) start += 1;
  const fence = openFence(markdown.slice(0, start));
  return `…\n${fence === undefined ? '' : `${fence}\n`}${markdown.slice(start)}`;
}
