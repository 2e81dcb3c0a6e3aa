import type { Chunk } from '../channel-adapter.ts';
import type { Outgoing } from '../delivery-store.ts';
import { toResponseEvent } from '../response-event.ts';

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Most characters of one posted text. */
export const longestPost = 16_000;

/** A response as one event, whole. Notices are not posted: who decides sees them in the API and on the command line. */
export function renderAnswer(outgoing: Outgoing, at: string): readonly Chunk[] {
  if (outgoing.kind !== 'response') return [];
  const { event } = toResponseEvent(outgoing.response, at);
  return [{ body: JSON.stringify(event), plain: event.content }];
}

/** A text as bodies `{"content": …}`, none of them longer than `longestPost`. */
export function renderText(text: string): readonly Chunk[] {
  const chunks: Chunk[] = [];
  const chunkOf = (content: string): Chunk => ({ body: JSON.stringify({ content }), plain: content });
  let piece = '';
  let length = 0;
  const flush = (): void => {
    if (piece.trim() !== '') chunks.push(chunkOf(piece));
    piece = '';
    length = 0;
  };
  for (const { segment } of graphemes.segment(text)) {
    const grown = JSON.stringify(segment).length - 2;
    if (length + grown > longestPost - '{"content":""}'.length) flush();
    piece += segment;
    length += grown;
  }
  flush();
  return chunks;
}
